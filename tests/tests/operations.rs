//! Every query of the dashboard and of the alerts asks for what a program emits: names, labels, and the values of labels.

#[allow(dead_code, reason = "`metrics.rs` takes the others")]
mod emitted;
mod steps;

use std::collections::BTreeSet;
use std::path::Path;

use emitted::everything;
use emitted::exposition::{Exposition, published};
use serde_json::Value;

/// What Prometheus adds to what it scrapes.
const SCRAPED: [&str; 2] = ["instance", "job"];
const AGGREGATED: [&str; 2] = ["by", "without"];
const MATCHED: [&str; 4] = ["on", "ignoring", "group_left", "group_right"];
const OPERATORS: [&str; 5] = ["and", "or", "unless", "bool", "offset"];

fn read(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/operations").join(file);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A label, the sign that compares it, and with what.
type Matcher = (String, String, String);

/// What a query names.
#[derive(Debug, Default, PartialEq)]
struct Named {
    selected: Vec<(String, Vec<Matcher>)>,
    /// Labels that are grouped or matched by.
    grouped: Vec<String>,
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Word(String),
    Text(String),
    Sign(char),
}

/// PromQL in words, strings and signs; ranges in brackets are left out.
fn tokens(query: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = query;
    while let Some(first) = rest.chars().next() {
        let split = |length: usize| rest.split_at(length);
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
        let (token, behind) = match first {
            '"' => {
                let end = 1 + rest[1..].find('"').expect("a string ends");
                (Some(Token::Text(rest[1..end].to_owned())), split(end + 1).1)
            }
            '[' => (None, split(1 + rest.find(']').expect("a range ends")).1),
            c if c.is_whitespace() => (None, split(c.len_utf8()).1),
            c if c.is_ascii_digit() => (None, rest.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '.')),
            c if is_word(c) => {
                let (word, behind) = split(rest.find(|c| !is_word(c)).unwrap_or(rest.len()));
                (Some(Token::Word(word.to_owned())), behind)
            }
            c => (Some(Token::Sign(c)), split(c.len_utf8()).1),
        };
        tokens.extend(token);
        rest = behind;
    }
    tokens
}

fn named(query: &str) -> Named {
    // Grafana's own, for its variables: a selection, and a label.
    if let Some(inside) = query.strip_prefix("label_values(") {
        let (selection, label) = inside.strip_suffix(')').and_then(|inside| inside.rsplit_once(", ")).expect("a label");
        let selected = named(selection).selected;
        return Named { selected, grouped: vec![label.to_owned()] };
    }
    let mut named = Named::default();
    let mut tokens = tokens(query).into_iter().peekable();
    while let Some(token) = tokens.next() {
        let Token::Word(word) = token else { continue };
        if AGGREGATED.contains(&word.as_str()) || MATCHED.contains(&word.as_str()) {
            let inside = tokens.by_ref().take_while(|token| *token != Token::Sign(')'));
            named.grouped.extend(inside.filter_map(|token| match token {
                Token::Word(label) => Some(label),
                _ => None,
            }));
            continue;
        }
        let is_function = tokens.peek() == Some(&Token::Sign('('))
            || matches!(tokens.peek(), Some(Token::Word(next)) if AGGREGATED.contains(&next.as_str()));
        if is_function || OPERATORS.contains(&word.as_str()) {
            continue;
        }
        let mut matchers = Vec::new();
        if tokens.next_if_eq(&Token::Sign('{')).is_some() {
            let inside: Vec<Token> = tokens.by_ref().take_while(|token| *token != Token::Sign('}')).collect();
            for matcher in inside.split(|token| *token == Token::Sign(',')) {
                let [Token::Word(label), signs @ .., Token::Text(value)] = matcher else {
                    panic!("{query}: {matcher:?}")
                };
                let signs = signs.iter().map(|sign| if let Token::Sign(sign) = sign { *sign } else { '?' });
                matchers.push((label.clone(), signs.collect(), value.clone()));
            }
        }
        named.selected.push((word, matchers));
    }
    named
}

/// What is wrong with a query, given what is emitted.
fn wrong(query: &str, emitted: &Exposition) -> Vec<String> {
    let named = named(query);
    let mut wrong = Vec::new();
    let mut labels: BTreeSet<&str> = SCRAPED.into();
    if named.selected.is_empty() {
        wrong.push("no metric is asked for".to_owned());
    }
    for (name, matchers) in &named.selected {
        let samples: Vec<_> = emitted.samples.iter().filter(|sample| sample.name == *name).collect();
        if samples.is_empty() {
            wrong.push(format!("`{name}` is not emitted"));
        }
        let own: BTreeSet<&str> = samples.iter().flat_map(|sample| sample.labels.keys()).map(String::as_str).collect();
        for (label, sign, value) in matchers {
            if SCRAPED.contains(&label.as_str()) {
                continue;
            }
            if !own.contains(label.as_str()) {
                wrong.push(format!("`{name}` has no label `{label}`"));
                continue;
            }
            let values = emitted.values(name, label);
            let alternatives: Vec<&str> = if sign.contains('~') { value.split('|').collect() } else { vec![value] };
            for value in alternatives.into_iter().filter(|value| !value.starts_with('$')) {
                if !values.contains(value) {
                    wrong.push(format!("`{label}` of `{name}` is never `{value}`"));
                }
            }
        }
        labels.extend(own);
    }
    for label in &named.grouped {
        if !labels.contains(label.as_str()) {
            wrong.push(format!("nothing that is asked for has a label `{label}`"));
        }
    }
    wrong
}

/// Each with where it stands.
fn queries() -> Vec<(String, String)> {
    let dashboard: Value = serde_json::from_str(&read("dashboard.json")).expect("JSON");
    let mut queries = Vec::new();
    for panel in dashboard["panels"].as_array().expect("panels") {
        let title = panel["title"].as_str().expect("a title");
        let targets = panel["targets"].as_array().map(Vec::as_slice).unwrap_or_default();
        assert!(panel["type"] == "row" || !targets.is_empty(), "{title} asks for nothing");
        for target in targets {
            queries.push((title.to_owned(), target["expr"].as_str().expect("a query").to_owned()));
        }
    }
    for variable in dashboard["templating"]["list"].as_array().expect("variables") {
        if let Some(query) = variable["query"]["query"].as_str() {
            queries.push((variable["name"].as_str().expect("a name").to_owned(), query.to_owned()));
        }
    }
    let alerts: serde_yaml_ng::Value = serde_yaml_ng::from_str(&read("alerts.yml")).expect("YAML");
    for group in alerts["groups"].as_sequence().expect("groups") {
        for rule in group["rules"].as_sequence().expect("rules") {
            let name = rule["alert"].as_str().expect("a name");
            for part in ["summary", "description"] {
                assert!(rule["annotations"][part].as_str().is_some_and(|text| !text.is_empty()), "{name}: no {part}");
            }
            assert!(rule["labels"]["severity"].is_string() && rule["for"].is_string(), "{name}");
            queries.push((name.to_owned(), rule["expr"].as_str().expect("a query").to_owned()));
        }
    }
    queries
}

/// Labels that the texts of alerts and the legends of panels name in `{{ .. }}` are those that the query leaves.
fn shown() -> Vec<(String, Vec<String>)> {
    let dashboard: Value = serde_json::from_str(&read("dashboard.json")).expect("JSON");
    let mut shown = Vec::new();
    for panel in dashboard["panels"].as_array().expect("panels") {
        for target in panel["targets"].as_array().into_iter().flatten() {
            let legend = target["legendFormat"].as_str().expect("a legend");
            let labels =
                legend.split("{{").skip(1).map(|part| part.split("}}").next().expect("it ends").trim().to_owned());
            shown.push((target["expr"].as_str().expect("a query").to_owned(), labels.collect()));
        }
    }
    let alerts: serde_yaml_ng::Value = serde_yaml_ng::from_str(&read("alerts.yml")).expect("YAML");
    for rule in
        alerts["groups"].as_sequence().into_iter().flatten().flat_map(|group| group["rules"].as_sequence()).flatten()
    {
        let text = rule["annotations"]["summary"].as_str().expect("a text");
        let is_label = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let label = |part: &str| part.split(|c| !is_label(c)).next().unwrap_or_default().to_owned();
        shown.push((
            rule["expr"].as_str().expect("a query").to_owned(),
            text.split("$labels.").skip(1).map(label).collect(),
        ));
    }
    shown
}

#[tokio::test]
async fn every_query_asks_for_what_is_emitted() {
    let scene = everything("operations").await;
    published(&scene.cut_off);
    let emitted = published(&scene.cache);
    let queries = queries();
    assert!(queries.len() > 30, "{}", queries.len());
    let problems: Vec<String> = queries
        .iter()
        .flat_map(|(place, query)| {
            wrong(query, &emitted).into_iter().map(move |why| format!("{place}: {why}\n  {query}"))
        })
        .collect();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    let asked: BTreeSet<String> =
        queries.iter().flat_map(|(_, query)| named(query).selected).map(|(name, _)| name).collect();
    for metric in cache_runtime::metrics::METRICS {
        let of_it = [metric.name.to_owned(), format!("{}_bucket", metric.name)];
        assert!(of_it.iter().any(|name| asked.contains(name)), "nobody looks at `{}`", metric.name);
    }

    // Each kind of slip is found.
    for (query, why) in [
        ("rate(cache_request_total[5m])", "`cache_request_total` is not emitted"),
        ("cache_load_seconds", "`cache_load_seconds` is not emitted"),
        (r#"cache_requests_total{outcom="joined"}"#, "has no label `outcom`"),
        (r#"cache_requests_total{outcome=~"joined|local_hits"}"#, "is never `local_hits`"),
        (r#"cache_fills_total{result!="refuse"}"#, "is never `refuse`"),
        ("sum by (functon) (rate(cache_requests_total[5m]))", "a label `functon`"),
        ("sum(cache_owed_invalidations) by (site)", "a label `site`"),
        ("label_values(cache_requests_total, functions)", "a label `functions`"),
        ("1 + 2", "no metric"),
    ] {
        let found = wrong(query, &emitted);
        assert!(found.len() == 1 && found[0].contains(why), "{query}: {found:?}");
    }
}

#[test]
fn what_is_shown_of_a_query_is_left_in_its_result() {
    for (query, labels) in shown() {
        let grouped = named(&query).grouped;
        for label in labels {
            assert!(grouped.contains(&label), "`{label}` is shown of {query}");
        }
    }
}

#[test]
fn a_query_is_taken_apart() {
    let query =
        r#"histogram_quantile(0.95, sum by (le, f) (rate(a_bucket{f=~"$x", o!="b"}[5m]))) / on (f) c > 1e3 and d"#;
    let matcher = |label: &str, sign: &str, value: &str| (label.to_owned(), sign.to_owned(), value.to_owned());
    let selected = vec![
        ("a_bucket".to_owned(), vec![matcher("f", "=~", "$x"), matcher("o", "!=", "b")]),
        ("c".to_owned(), vec![]),
        ("d".to_owned(), vec![]),
    ];
    assert_eq!(named(query), Named { selected, grouped: ["le", "f", "f"].map(str::to_owned).to_vec() });
}
