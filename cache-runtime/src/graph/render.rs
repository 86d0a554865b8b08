//! The graph as text that other programs draw or read.

use std::fmt::Write as _;

use super::{Function, Graph, Link};

impl Graph {
    /// As a [Mermaid](https://mermaid.js.org) flowchart, which GitHub and GitLab draw in Markdown: invalidations on the left,
    /// cached functions with key and ttl on the right, and on each arrow what joins them.
    ///
    /// ```rust,standalone_crate
    /// # use cache_runtime::{cached, invalidates};
    /// # #[cached(key = "user:{id}", ttl = "10m")] async fn get_user(id: u64) -> u64 { id }
    /// # #[invalidates(get_user(id))] async fn rename_user(id: u64) {}
    /// # fn main() {
    /// let drawing = cache_runtime::graph().to_mermaid();
    /// assert!(drawing.starts_with("flowchart LR\n"));
    /// assert!(drawing.contains(r#"i0 -->|"get_user(id)"| f0"#));
    /// # }
    /// ```
    pub fn to_mermaid(&self) -> String {
        let mut text = String::from("flowchart LR\n");
        for (index, invalidation) in self.invalidations.iter().enumerate() {
            let label = mermaid(&invalidation.place.path);
            let _ = writeln!(text, "  i{index}([\"{label}\"])");
        }
        for (index, function) in self.functions.iter().enumerate() {
            let lines = lines(function).map(|line| mermaid(&line)).join("<br/>");
            let _ = writeln!(text, "  f{index}[\"{lines}\"]");
        }
        for edge in &self.edges {
            let label = mermaid(edge.link.label());
            let _ = writeln!(text, "  i{} -->|\"{label}\"| f{}", edge.invalidation, edge.function);
        }
        text
    }

    /// As a graph for [Graphviz](https://graphviz.org): `dot -Tsvg`.
    ///
    /// ```rust,standalone_crate
    /// # use cache_runtime::{cached, invalidates};
    /// # #[cached(key = "user:{id}", ttl = "10m")] async fn get_user(id: u64) -> u64 { id }
    /// # #[invalidates(get_user(id))] async fn rename_user(id: u64) {}
    /// # fn main() {
    /// let drawing = cache_runtime::graph().to_dot();
    /// assert!(drawing.starts_with("digraph invalidation {\n"));
    /// assert!(drawing.contains(r#"i0 -> f0 [label="get_user(id)"];"#));
    /// # }
    /// ```
    pub fn to_dot(&self) -> String {
        let mut text = String::from("digraph invalidation {\n  rankdir=LR;\n  node [shape=box];\n");
        for (index, invalidation) in self.invalidations.iter().enumerate() {
            let label = dot(&invalidation.place.path);
            let _ = writeln!(text, "  i{index} [label=\"{label}\", style=rounded];");
        }
        for (index, function) in self.functions.iter().enumerate() {
            let lines = lines(function).map(|line| dot(&line)).join("\\n");
            let _ = writeln!(text, "  f{index} [label=\"{lines}\"];");
        }
        for edge in &self.edges {
            let label = dot(edge.link.label());
            let _ = writeln!(text, "  i{} -> f{} [label=\"{label}\"];", edge.invalidation, edge.function);
        }
        text.push_str("}\n");
        text
    }

    /// As JSON, all of it: what `serde` makes of a [`Graph`], which can be read again.
    ///
    /// ```rust,standalone_crate
    /// # use cache_runtime::cached;
    /// # #[cached(key = "user:{id}", ttl = "10m")] async fn get_user(id: u64) -> u64 { id }
    /// # fn main() {
    /// assert!(cache_runtime::graph().to_json().contains(r#""key": "user:{id}""#));
    /// # }
    /// ```
    #[cfg(feature = "json")]
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("texts and numbers are JSON")
    }
}

impl Link {
    /// As the invalidation writes it.
    fn label(&self) -> &str {
        match self {
            Self::Tag { invalidated, .. } | Self::Key { invalidated } => invalidated.as_str(),
            Self::Target { target } => target,
        }
    }
}

/// What a picture says of a function.
fn lines(function: &Function) -> [String; 2] {
    let ttl = function.ttl_ms.map_or_else(|| "ttl by expression".to_owned(), lifetime);
    [function.place.path.clone(), format!("{}, {ttl}", function.key)]
}

/// `1h30m`, as the attribute takes it.
pub(super) fn lifetime(millis: u64) -> String {
    let units = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];
    let mut rest = millis;
    let mut text = String::new();
    for (unit, length) in units {
        if rest >= length {
            let _ = write!(text, "{}{unit}", rest / length);
            rest %= length;
        }
    }
    text
}

/// In quotes, Mermaid takes entities; with them, nothing in a label is syntax.
fn mermaid(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            '"' => escaped.push_str("#quot;"),
            '#' | '&' | '<' | '>' | '%' | '`' | '\\' => {
                let _ = write!(escaped, "#{};", u32::from(c));
            }
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

fn dot(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace(char::is_control, " ")
}
