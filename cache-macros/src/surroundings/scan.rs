//! What is open at a place of a source: delimiters, and what each of them belongs to.

/// Where an item stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Surroundings {
    /// In a module or in a function's body.
    Free,
    /// In an `impl` or a trait.
    Associated,
    /// Not to be told from the text: inside of another macro, or no text.
    Unknown,
}

/// What opened a delimiter.
#[derive(Clone, Copy, PartialEq)]
enum Opened {
    Module,
    Function,
    /// `impl` or `trait`
    Associated,
    /// A macro's invocation or definition.
    Macro,
    /// A block or a struct literal.
    Block,
    /// `#[`
    Attribute,
    /// `(` or `[`
    Inner,
}

/// An open delimiter, and what has been read of the item in front of the next one.
#[derive(Clone)]
pub(super) struct Frame {
    opened: Opened,
    item: Option<Opened>,
    /// The last character of a token, `w` for a name: `!` in front of a delimiter makes a macro.
    last: char,
}

impl Frame {
    /// Around all that is in a file.
    pub(super) fn file() -> Self {
        Self::new(Opened::Module)
    }

    fn new(opened: Opened) -> Self {
        Self { opened, item: None, last: ';' }
    }
}

/// A text that is looked through, and what is open where it was looked at last.
pub(super) struct Scan<'a> {
    rest: &'a str,
    open: Vec<Frame>,
}

impl<'a> Scan<'a> {
    /// Of the rest of a text, behind what leaves this open.
    pub(super) fn new(rest: &'a str, open: Vec<Frame>) -> Self {
        Self { rest, open }
    }

    pub(super) fn open(&self) -> &[Frame] {
        &self.open
    }

    /// Looks at all of it.
    pub(super) fn run(&mut self) {
        while let Some(c) = self.rest.chars().next() {
            if self.rest.starts_with("//") {
                self.skip(self.rest.find('\n').unwrap_or(self.rest.len()));
            } else if self.rest.starts_with("/*") {
                self.block_comment();
            } else if c == '"' {
                self.skip(1);
                self.string();
            } else if c == '\'' {
                self.quote();
            } else if c == '_' || c.is_alphanumeric() {
                self.word();
            } else {
                self.skip(c.len_utf8());
                if !c.is_whitespace() {
                    self.punct(c);
                }
            }
        }
    }

    fn skip(&mut self, bytes: usize) {
        self.rest = self.rest.get(bytes..).unwrap_or("");
    }

    fn block_comment(&mut self) {
        let mut depth = 0usize;
        loop {
            if self.rest.starts_with("/*") {
                depth += 1;
                self.skip(2);
            } else if self.rest.starts_with("*/") {
                depth -= 1;
                self.skip(2);
            } else {
                let next = self.rest.chars().next().map_or(0, char::len_utf8);
                self.skip(next);
            }
            if depth == 0 || self.rest.is_empty() {
                return;
            }
        }
    }

    /// Behind the opening quote.
    fn string(&mut self) {
        while let Some(at) = self.rest.find(['"', '\\']) {
            let escaped = self.rest.as_bytes()[at] == b'\\';
            self.skip(at + 1);
            if !escaped {
                return;
            }
            let next = self.rest.chars().next().map_or(0, char::len_utf8);
            self.skip(next);
        }
        self.rest = "";
    }

    /// A character, or a lifetime.
    fn quote(&mut self) {
        let mut chars = self.rest.char_indices().skip(1);
        match (chars.next(), chars.next()) {
            (Some((_, '\\')), Some((at, c))) => {
                self.skip(at + c.len_utf8());
                let end = self.rest.find('\'').unwrap_or(self.rest.len());
                self.skip(end + 1);
            }
            (Some(_), Some((at, '\''))) => self.skip(at + 1),
            _ => self.skip(1),
        }
    }

    fn word(&mut self) {
        let end = self.rest.find(|c: char| c != '_' && !c.is_alphanumeric()).unwrap_or(self.rest.len());
        let (word, after) = self.rest.split_at(end);
        self.rest = after;
        let hashes = after.len() - after.trim_start_matches('#').len();
        let prefix = ["r", "b", "c", "br", "cr"].contains(&word);
        if prefix && after[hashes..].starts_with('"') {
            self.skip(hashes + 1);
            if word.contains('r') {
                let close = format!("\"{}", "#".repeat(hashes));
                let end = self.rest.find(&close).unwrap_or(self.rest.len());
                self.skip(end + close.len());
            } else {
                self.string();
            }
            return;
        }
        let raw = word == "r" && hashes == 1;
        if raw {
            self.skip(1);
        }
        self.keyword(if raw { "" } else { word });
    }

    fn keyword(&mut self, word: &str) {
        let Some(frame) = self.open.last_mut() else {
            return;
        };
        let item = match word {
            "impl" | "trait" => Some(Opened::Associated),
            "fn" => Some(Opened::Function),
            "mod" => Some(Opened::Module),
            "macro_rules" | "macro" => Some(Opened::Macro),
            "struct" | "enum" | "match" | "let" | "if" | "for" | "while" | "loop" | "static" => Some(Opened::Block),
            _ => None,
        };
        // `impl` in `fn f(x: impl T) -> impl U` opens nothing: the first keyword counts.
        frame.item = frame.item.or(item);
        frame.last = 'w';
    }

    fn punct(&mut self, c: char) {
        let Some(frame) = self.open.last_mut() else {
            return;
        };
        let before = std::mem::replace(&mut frame.last, c);
        match c {
            '{' => {
                let opened = match frame.item {
                    Some(item) if !matches!(before, '<' | ',') => item,
                    None if before == '!' => Opened::Macro,
                    _ => Opened::Block,
                };
                self.open.push(Frame::new(opened));
            }
            '(' | '[' => {
                let opened = match before {
                    '!' => Opened::Macro,
                    '#' if c == '[' => Opened::Attribute,
                    _ => Opened::Inner,
                };
                self.open.push(Frame::new(opened));
            }
            '}' | ')' | ']' => {
                // The file's own frame stays.
                if self.open.len() > 1 {
                    self.open.pop();
                }
                let Some(frame) = self.open.last_mut() else {
                    return;
                };
                // `impl Foo<{ N }> {`: the item goes on behind a const argument.
                let goes_on = c != '}' || matches!(frame.last, '{') && frame.item.is_some();
                let argument = self.rest.trim_start().starts_with(['>', ',']);
                if !goes_on || (c == '}' && !argument) {
                    frame.item = None;
                }
                frame.last = c;
            }
            ';' => frame.item = None,
            _ => {}
        }
    }

    /// Closes `#[cfg_attr(.., `, in which the attribute may stand.
    pub(super) fn leave_attribute(&mut self) -> bool {
        let attribute = self.open.iter().rposition(|frame| frame.opened == Opened::Attribute);
        self.open.truncate(attribute.unwrap_or(self.open.len()));
        attribute.is_some()
    }

    /// Where an item stands that begins here.
    pub(super) fn answer(&self) -> Surroundings {
        let innermost = self.open.last().map(|frame| frame.opened);
        let in_macro = self.open.iter().any(|frame| frame.opened == Opened::Macro);
        match innermost {
            Some(Opened::Associated) => Surroundings::Associated,
            Some(Opened::Module | Opened::Function) => Surroundings::Free,
            Some(Opened::Block) if !in_macro => Surroundings::Free,
            _ => Surroundings::Unknown,
        }
    }
}
