//! What programs print, drawn as in a terminal: text with colours becomes an SVG.

use std::fmt::Write as _;

/// Of one character, in pixels: the font of 13 pixels is about so wide in every face that is likely.
const WIDTH: f64 = 7.82;
const LINE: usize = 19;
const MARGIN: usize = 18;

/// A colour and a weight, as the last escape sequence said.
#[derive(Clone, Copy, Default, PartialEq)]
struct Pen {
    colour: Option<&'static str>,
    bold: bool,
    dim: bool,
}

impl Pen {
    fn told(&mut self, code: &str) {
        match code {
            "" | "0" => *self = Self::default(),
            "1" => self.bold = true,
            "2" => self.dim = true,
            "31" | "91" => self.colour = Some("#ff8f85"),
            "32" | "92" => self.colour = Some("#6ccb94"),
            "33" | "93" => self.colour = Some("#e3b05c"),
            "34" | "94" => self.colour = Some("#8fb0ff"),
            "36" | "96" => self.colour = Some("#74c3da"),
            _ => {}
        }
    }

    fn attributes(self) -> String {
        let colour = self.colour.unwrap_or(if self.dim { "#a0a09b" } else { "#e8e8e6" });
        let weight = if self.bold { " font-weight=\"700\"" } else { "" };
        format!("fill=\"{colour}\"{weight}")
    }
}

/// An SVG of the text, as wide as its longest line.
pub(crate) fn drawn(text: &str) -> String {
    let lines: Vec<Vec<(Pen, String)>> =
        text.trim_end().lines().scan(Pen::default(), |pen, line| Some(runs(line, pen))).collect();
    let longest = lines.iter().map(|runs| runs.iter().map(|(_, text)| text.chars().count()).sum::<usize>()).max();
    let width = 2 * MARGIN + (longest.unwrap_or(0) as f64 * WIDTH).ceil() as usize;
    let height = 2 * MARGIN + lines.len() * LINE;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
         font-family=\"ui-monospace, 'SF Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace\" font-size=\"13\">\n\
         <rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"#1a1b1e\"/>\n"
    );
    for (number, runs) in lines.iter().enumerate() {
        let mut column = 0;
        for (pen, text) in runs {
            let length = text.chars().count();
            if !text.trim().is_empty() {
                // Columns stand below each other whatever the font.
                let (x, y) = (MARGIN as f64 + column as f64 * WIDTH, MARGIN + number * LINE + 14);
                let _ = writeln!(
                    svg,
                    "<text x=\"{x:.1}\" y=\"{y}\" textLength=\"{:.1}\" xml:space=\"preserve\" {}>{}</text>",
                    length as f64 * WIDTH,
                    pen.attributes(),
                    escaped(text)
                );
            }
            column += length;
        }
    }
    svg.push_str("</svg>\n");
    svg
}

/// The pieces of a line that are written in one way.
fn runs(line: &str, pen: &mut Pen) -> Vec<(Pen, String)> {
    let mut runs = Vec::new();
    let mut pieces = line.split("\u{1b}[");
    runs.push((*pen, pieces.next().unwrap_or_default().to_owned()));
    for piece in pieces {
        let (codes, text) = piece.split_once('m').unwrap_or(("", piece));
        codes.split(';').for_each(|code| pen.told(code));
        runs.push((*pen, text.to_owned()));
    }
    runs.retain(|(_, text)| !text.is_empty());
    runs
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_end_where_the_terminal_is_told_so() {
        let svg = drawn("a \u{1b}[32mgood\u{1b}[0m <b>\n\u{1b}[1;31mbad\u{1b}[m");
        assert!(svg.contains(">a </text>") && svg.contains("fill=\"#6ccb94\">good</text>"), "{svg}");
        assert!(svg.contains("fill=\"#e8e8e6\"> &lt;b&gt;</text>"), "{svg}");
        assert!(svg.contains("fill=\"#ff8f85\" font-weight=\"700\">bad</text>"), "{svg}");
    }
}
