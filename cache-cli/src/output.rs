//! What is printed: text and tables for people, one JSON document for programs.
//!
//! Colours are left out where nobody sees them: when it is piped, and by `NO_COLOR`.

use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;

use anstyle::{AnsiColor, Style};
use serde::Serialize;
use serde_json::json;

use crate::exit::{Exit, Problem};

pub(crate) const BOLD: Style = Style::new().bold();
pub(crate) const DIM: Style = Style::new().dimmed();
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
pub(crate) const BAD: Style = AnsiColor::Red.on_default();
pub(crate) const ODD: Style = AnsiColor::Yellow.on_default();

/// Where it goes.
#[derive(Clone, Copy)]
pub(crate) struct Out {
    pub(crate) json: bool,
}

impl Out {
    pub(crate) fn new(json: bool) -> Self {
        Self { json }
    }

    /// A line for people.
    pub(crate) fn line(&self, text: impl Display) -> io::Result<()> {
        writeln!(anstream::stdout(), "{text}")
    }

    /// As it is, for another program.
    pub(crate) fn raw(&self, text: &[u8]) -> io::Result<()> {
        io::stdout().write_all(text)
    }

    /// The document.
    pub(crate) fn document(&self, value: &impl Serialize) -> io::Result<()> {
        let text = serde_json::to_string_pretty(value)?;
        writeln!(io::stdout(), "{text}")
    }

    /// A document of one line, one of many.
    pub(crate) fn record(&self, value: &impl Serialize) -> io::Result<()> {
        let mut out = io::stdout();
        writeln!(out, "{}", serde_json::to_string(value)?)?;
        out.flush()
    }

    /// Beside the result, for people only.
    pub(crate) fn note(&self, text: impl Display) {
        if !self.json {
            anstream::eprintln!("{text}");
        }
    }

    /// A name and what is said of it.
    pub(crate) fn field(&self, name: &str, value: impl Display) -> io::Result<()> {
        self.line(format_args!("  {DIM}{name:<10}{DIM:#} {value}"))
    }

    /// Columns, the first to the left, the others to the right.
    pub(crate) fn table(&self, heads: &[&str], rows: &[Vec<String>]) -> io::Result<()> {
        let width = |column: usize| {
            let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
            cells.chain([heads[column].len()]).max().unwrap_or_default()
        };
        let widths: Vec<usize> = (0..heads.len()).map(width).collect();
        let text = |cells: &mut dyn Iterator<Item = &str>| {
            let aligned = cells.zip(&widths).enumerate().map(|(column, (cell, width))| match column {
                0 => format!("{cell:<width$}"),
                _ => format!("{cell:>width$}"),
            });
            aligned.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        };
        self.line(format_args!("{DIM}{}{DIM:#}", text(&mut heads.iter().copied())))?;
        rows.iter().try_for_each(|row| self.line(text(&mut row.iter().map(String::as_str))))
    }

    /// Says what went wrong, and how it ends then.
    pub(crate) fn failed(&self, problem: &Problem) -> ExitCode {
        if problem.unheard {
            return Exit::Fine.into();
        }
        let Problem { exit, message, help, .. } = problem;
        // Neither is ever known to hold a secret; a message of a library may surprise.
        let message = crate::secret::redacted(message);
        if self.json {
            let error = json!({ "error": { "exit": *exit as u8, "message": message, "help": help } });
            eprintln!("{error}");
        } else {
            anstream::eprintln!("{BAD}cachectl:{BAD:#} {message}");
            if let Some(help) = help {
                anstream::eprintln!("  help: {help}");
            }
        }
        (*exit).into()
    }
}

/// `1,234,567`
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1.4 MiB`
pub(crate) fn bytes(number: u64) -> String {
    let mut size = number as f64;
    for unit in ["B", "KiB", "MiB", "GiB"] {
        if size < 1024.0 {
            return if unit == "B" { format!("{number} B") } else { format!("{size:.1} {unit}") };
        }
        size /= 1024.0;
    }
    format!("{size:.1} TiB")
}

/// `9m 58s`, in its two largest units.
pub(crate) fn millis(number: u64) -> String {
    let units = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];
    let Some(first) = units.iter().position(|(_, length)| number >= *length) else { return "0ms".to_owned() };
    let mut rest = number;
    let mut parts = Vec::new();
    for (unit, length) in units.iter().skip(first).take(2) {
        if rest >= *length {
            parts.push(format!("{}{unit}", rest / length));
            rest %= length;
        }
    }
    parts.join(" ")
}

/// `12.5%`
pub(crate) fn share(part: u64, whole: u64) -> String {
    if whole == 0 { "-".to_owned() } else { format!("{:.1}%", part as f64 * 100.0 / whole as f64) }
}

/// `15:04:05.123Z`
pub(crate) fn time_of_day(unix_ms: u64) -> String {
    let (seconds, ms) = (unix_ms / 1000, unix_ms % 1000);
    format!("{:02}:{:02}:{:02}.{ms:03}Z", seconds / 3600 % 24, seconds / 60 % 60, seconds % 60)
}

/// What there is, or a dash.
pub(crate) fn or_dash<T>(value: Option<T>, show: impl Fn(T) -> String) -> String {
    value.map_or_else(|| "-".to_owned(), show)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_for_people() {
        assert_eq!([0, 999, 1000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([0, 1023, 1536, 1 << 20, 3 << 40].map(bytes), ["0 B", "1023 B", "1.5 KiB", "1.0 MiB", "3.0 TiB"]);
        assert_eq!(
            [0, 5, 1500, 598_000, 3_600_000, 90_061_000].map(millis),
            ["0ms", "5ms", "1s 500ms", "9m 58s", "1h", "1d 1h"]
        );
        assert_eq!(share(1, 8), "12.5%");
        assert_eq!(share(1, 0), "-");
        assert_eq!(time_of_day(1_700_000_000_123), "22:13:20.123Z");
    }
}
