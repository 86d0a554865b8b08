//! What was measured beside what it is measured against: rows with a goal each.

use std::fmt::Write as _;

use serde::Serialize;

use crate::spread::median;

/// One line of the table.
#[derive(Debug, Serialize)]
pub struct Row {
    /// What is measured.
    pub path: String,
    /// Beside what.
    pub against: String,
    /// Of `ours` and `theirs`.
    pub unit: &'static str,
    /// The median of the rounds.
    pub ours: f64,
    /// The same of what it is measured against.
    pub theirs: Option<f64>,
    /// The median of the rounds' figures.
    pub figure: f64,
    /// What the figure has to be.
    pub goal: Goal,
    /// Whether it is.
    pub met: bool,
    /// What the medians are taken from.
    pub rounds: Vec<Round>,
}

/// What is asked of a figure.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Goal {
    /// A ratio.
    AtLeast(f64),
    /// Something with the row's unit.
    AtMost(f64),
}

/// What one round found.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Round {
    ours: f64,
    theirs: Option<f64>,
    figure: f64,
}

impl Row {
    /// Of what is better when there is more of it: ours to theirs.
    pub fn more(path: &str, against: &str, unit: &'static str, rounds: Rounds, at_least: f64) -> Self {
        Self::compared(path, against, unit, rounds, |ours, theirs| ours / theirs, Goal::AtLeast(at_least))
    }

    /// Of what is better when there is less of it: theirs to ours.
    pub fn less(path: &str, against: &str, unit: &'static str, rounds: Rounds, at_least: f64) -> Self {
        Self::compared(path, against, unit, rounds, |ours, theirs| theirs / ours, Goal::AtLeast(at_least))
    }

    /// What ours has beyond theirs.
    pub fn beyond(path: &str, against: &str, unit: &'static str, rounds: Rounds, at_most: f64) -> Self {
        Self::compared(path, against, unit, rounds, |ours, theirs| ours - theirs, Goal::AtMost(at_most))
    }

    /// What is measured for itself.
    pub fn alone(path: &str, unit: &'static str, rounds: Vec<f64>, at_most: f64) -> Self {
        let rounds = rounds.into_iter().map(|ours| Round { ours, theirs: None, figure: ours }).collect();
        Self::new(path, "", unit, rounds, Goal::AtMost(at_most))
    }

    fn compared(
        path: &str,
        against: &str,
        unit: &'static str,
        rounds: Rounds,
        figure: fn(f64, f64) -> f64,
        goal: Goal,
    ) -> Self {
        let round = |(ours, theirs)| Round { ours, theirs: Some(theirs), figure: figure(ours, theirs) };
        Self::new(path, against, unit, rounds.into_iter().map(round).collect(), goal)
    }

    fn new(path: &str, against: &str, unit: &'static str, rounds: Vec<Round>, goal: Goal) -> Self {
        let figure = median(rounds.iter().map(|round| round.figure));
        let theirs: Vec<f64> = rounds.iter().filter_map(|round| round.theirs).collect();
        let met = match goal {
            Goal::AtLeast(least) => figure >= least,
            Goal::AtMost(most) => figure <= most,
        };
        Self {
            path: path.to_owned(),
            against: against.to_owned(),
            unit,
            ours: median(rounds.iter().map(|round| round.ours)),
            theirs: (!theirs.is_empty()).then(|| median(theirs)),
            figure,
            goal,
            met,
            rounds,
        }
    }

    fn cells(&self) -> [String; 7] {
        let (figure, goal) = match self.goal {
            Goal::AtLeast(goal) => (format!("{:.2}", self.figure), format!("at least {goal:.2}")),
            Goal::AtMost(goal) => (format!("{} {}", short(self.figure), self.unit), format!("at most {}", short(goal))),
        };
        let value = |value: f64| format!("{} {}", short(value), self.unit);
        [
            self.path.clone(),
            self.against.clone(),
            value(self.ours),
            self.theirs.map(value).unwrap_or_default(),
            figure,
            goal,
            if self.met { "yes" } else { "NO" }.to_owned(),
        ]
    }
}

/// Ours and theirs of each round.
pub type Rounds = Vec<(f64, f64)>;

/// With three digits or so, thousands apart.
pub(crate) fn short(value: f64) -> String {
    if value.abs() < 100.0 {
        let digits = if value.fract() == 0.0 { 0 } else { 2 };
        return format!("{value:.digits$}");
    }
    let digits = format!("{value:.0}");
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 && digit.is_ascii_digit() {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// In Markdown, and in columns.
pub fn table(rows: &[Row]) -> String {
    let heads = ["path", "against", "ours", "theirs", "figure", "goal", "met"].map(str::to_owned);
    let lines: Vec<[String; 7]> = std::iter::once(heads).chain(rows.iter().map(Row::cells)).collect();
    let widths: [usize; 7] =
        std::array::from_fn(|column| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or_default());
    let mut table = String::new();
    for (at, line) in lines.iter().enumerate() {
        for (cell, width) in line.iter().zip(widths) {
            write!(table, "| {cell:<width$} ").expect("a string takes everything");
        }
        table.push_str("|\n");
        if at == 0 {
            for width in widths {
                write!(table, "|{:-<1$}", "", width + 2).expect("a string takes everything");
            }
            table.push_str("|\n");
        }
    }
    table
}
