//! The file: TOML to rules, or all that is wrong with it, by line.

use std::fmt;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::field::{self, Given};
use super::rule::Rule;
use super::rules::{self, Rules};
use crate::mistake::Mistake;

/// All mistakes of a file, in the order of its lines.
#[derive(Debug, PartialEq)]
pub(super) struct Mistakes(Vec<(usize, Mistake)>);

/// `line 3: there is no field `percnt`; did you mean `percent`?`, and so on.
impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.0.iter().map(|(line, mistake)| format!("line {line}: {mistake}")).collect();
        // A question has an end of its own.
        f.write_str(&lines.join(". ").replace("?. ", "? "))
    }
}

/// The rules that `text` states.
pub(super) fn parse(text: &str) -> Result<Rules, Mistakes> {
    let mut reading = Reading { text, mistakes: Vec::new(), rules: Rules::default() };
    match DeTable::parse(text) {
        Ok(table) => reading.whole(table.get_ref()),
        Err(error) => reading.wrong(&error.span().unwrap_or_default(), Mistake::new(error.message())),
    }
    reading.mistakes.sort_by_key(|(line, _)| *line);
    if reading.mistakes.is_empty() { Ok(reading.rules) } else { Err(Mistakes(reading.mistakes)) }
}

struct Reading<'a> {
    text: &'a str,
    mistakes: Vec<(usize, Mistake)>,
    rules: Rules,
}

type Key<'a> = Spanned<std::borrow::Cow<'a, str>>;
type Value<'a> = Spanned<DeValue<'a>>;

impl Reading<'_> {
    fn wrong(&mut self, at: &Range<usize>, mistake: Mistake) {
        let before = self.text.get(..at.start).unwrap_or(self.text);
        self.mistakes.push((before.matches('\n').count() + 1, mistake));
    }

    fn whole(&mut self, table: &DeTable<'_>) {
        for (name, value) in table {
            match &**name.get_ref() {
                "disabled" => match field::boolean("disabled", &given(value)) {
                    Ok(disabled) => self.rules.disabled = disabled,
                    Err(mistake) => self.wrong(&value.span(), mistake),
                },
                "function" => self.each(name, value, |reading, name, rule| match rules::function(name.get_ref()) {
                    Ok(function) => {
                        let twice = reading.rules.functions.insert(function, rule).is_some();
                        if twice {
                            reading.wrong(
                                &name.span(),
                                Mistake::new(format!("there is more than one rule for `{function}`")),
                            );
                        }
                    }
                    Err(mistake) => reading.wrong(&name.span(), mistake),
                }),
                "prefix" => self.each(name, value, |reading, name, rule| {
                    reading.rules.prefixes.insert(name.get_ref().clone().into_owned(), rule);
                }),
                other => {
                    let known = ["disabled", "function", "prefix"];
                    let mistake = match field::FIELDS.contains(&other) {
                        true => Mistake::new(format!("`{other}` stands outside of a rule"))
                            .help("below [function.\"name\"] or [prefix.\"text\"]; [prefix.\"\"] is about all keys"),
                        false => Mistake::unknown("setting", other, known),
                    };
                    self.wrong(&name.span(), mistake);
                }
            }
        }
    }

    /// Each rule of a table of them.
    fn each(&mut self, name: &Key<'_>, value: &Value<'_>, mut take: impl FnMut(&mut Self, &Key<'_>, Rule)) {
        let kind = name.get_ref();
        let Some(table) = value.get_ref().as_table() else {
            let mistake =
                Mistake::new(format!("`{kind}` is no table")).help(format!("[{kind}.\"..\"], and its fields below"));
            return self.wrong(&value.span(), mistake);
        };
        for (name, value) in table {
            let Some(fields) = value.get_ref().as_table() else {
                // `[function]` with a field below, or `[function.users.get]` with one name too few.
                let mistake = Mistake::new(format!("`{kind}.{}` is no rule", name.get_ref()))
                    .help(format!("[{kind}.\"{}\"], and its fields below", name.get_ref()));
                self.wrong(&name.span(), mistake);
                continue;
            };
            let mut rule = Rule::new();
            for (field, value) in fields {
                if let Err(mistake) = rule.set(field.get_ref(), given(value)) {
                    let unknown = !field::FIELDS.contains(&&**field.get_ref());
                    self.wrong(&if unknown { field.span() } else { value.span() }, mistake);
                }
            }
            take(self, name, rule);
        }
    }
}

fn given<'a>(value: &'a Value<'_>) -> Given<'a> {
    match value.get_ref() {
        DeValue::Boolean(value) => Given::Bool(*value),
        DeValue::String(value) => Given::Text((&**value).into()),
        DeValue::Integer(value) => match i64::from_str_radix(value.as_str(), value.radix()) {
            Ok(number) => Given::Number(number as f64),
            Err(_) => Given::Else("a number beyond measure"),
        },
        DeValue::Float(value) => Given::Number(value.as_str().parse().unwrap_or(f64::NAN)),
        DeValue::Datetime(_) => Given::Else("a date"),
        DeValue::Array(_) => Given::Else("a list"),
        DeValue::Table(_) => Given::Else("a table"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(text: &str) -> String {
        parse(text).expect_err(text).to_string()
    }

    #[test]
    fn a_file_is_read() {
        let rules = parse(
            "disabled = false\n[prefix.\"user:\"]\nttl = \"x0.5\"\npercent = 2.5\n[prefix.'']\nlocal = false\nttl = 0x10\n",
        )
        .expect("nothing is wrong");
        assert_eq!(rules.of_key("user:1").to_string(), "ttl = \"x0.5\", local = false, percent = 2.5");
        assert_eq!(rules.of_key("org:1").to_string(), "ttl = \"16s\", local = false");
        assert!(!rules.disabled);
        assert_eq!(parse(""), Ok(Rules::default()));
        assert!(parse("disabled = true").is_ok_and(|rules| rules.disabled));
    }

    #[test]
    fn what_is_wrong_is_told_by_line() {
        assert_eq!(
            wrong("[prefix.\"user:\"]\npercnt = 5\n\n[prefix.\"org:\"]\npercent = 101\nttl = 0\n"),
            "line 2: there is no field `percnt`; did you mean `percent`? \
             line 5: percent = 101 is not between 0 and 100; percent = 100 for all keys. \
             line 6: a ttl of zero keeps nothing; to switch the cache off: enabled = false"
        );
        assert_eq!(
            wrong("# first\n[functoin.get]\nttl = 5\n"),
            "line 2: there is no setting `functoin`; did you mean `function`?"
        );
        assert_eq!(
            wrong("enabled = false\n"),
            "line 1: `enabled` stands outside of a rule; below [function.\"name\"] or [prefix.\"text\"]; \
             [prefix.\"\"] is about all keys"
        );
        assert_eq!(
            wrong("\n[prefix]\nttl = 5"),
            "line 3: `prefix.ttl` is no rule; [prefix.\"ttl\"], and its fields below"
        );
        assert_eq!(wrong("prefix = 5"), "line 1: `prefix` is no table; [prefix.\"..\"], and its fields below");
        assert!(wrong("[prefix.\"a\"]\nttl = \n").starts_with("line 2: "));
        assert!(wrong("[function.nobody_is_called_so]\n").starts_with("line 1: there is no cached function"));
    }
}
