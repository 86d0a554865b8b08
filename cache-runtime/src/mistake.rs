//! What is wrong with what a person has typed, in words for who typed it.

use std::fmt;

use crate::suggest;

/// What is wrong, and what to type instead, where that is plain.
#[derive(Debug, PartialEq)]
pub(crate) struct Mistake {
    pub(crate) problem: String,
    pub(crate) help: Option<String>,
}

impl Mistake {
    pub(crate) fn new(problem: impl Into<String>) -> Self {
        Self { problem: problem.into(), help: None }
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Of a name that is not one of `known`.
    pub(crate) fn unknown<'a>(what: &str, name: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> Self {
        let mistake = Self::new(format!("there is no {what} `{name}`"));
        match suggest::closest(name, known.clone()) {
            Some(meant) => mistake.help(format!("did you mean `{meant}`?")),
            None => {
                let all: Vec<String> = known.into_iter().map(|known| format!("`{known}`")).collect();
                if all.is_empty() || all.len() > 8 {
                    mistake
                } else {
                    mistake.help(format!("there are {}", all.join(", ")))
                }
            }
        }
    }
}

/// `percent = 101: more than there are; type percent = 100`
impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.problem)?;
        self.help.as_ref().map_or(Ok(()), |help| write!(f, "; {help}"))
    }
}
