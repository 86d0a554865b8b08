//! Lines to be looked at, and how they are drawn: SVG with a background of its own.

use std::fmt::Write as _;

use serde::Serialize;

use crate::table::short;

/// Some panels with the same lines.
#[derive(Debug, Serialize)]
pub struct Chart {
    /// Of its file.
    pub name: String,
    /// Above it.
    pub title: String,
    /// From left to right.
    pub panels: Vec<Panel>,
}

/// Two axes and what is between them.
#[derive(Debug, Serialize)]
pub struct Panel {
    /// Above it.
    pub title: String,
    /// What the horizontal axis counts. Its ticks are the places of the points.
    pub x: &'static str,
    /// How it grows.
    pub x_scale: Scale,
    /// The unit of the vertical axis.
    pub y: &'static str,
    /// How it grows.
    pub y_scale: Scale,
    /// All of them.
    pub lines: Vec<Line>,
}

/// A line through points.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Line {
    /// In the legend. Lines of the same name look the same.
    pub name: String,
    /// Right and up.
    pub points: Vec<(f64, f64)>,
}

impl Line {
    /// Without points, yet.
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), points: Vec::new() }
    }
}

/// How an axis grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Scale {
    /// By steps.
    Linear,
    /// By factors; numbers are written with k and M.
    Logarithmic,
    /// By factors; numbers are written with Ki and Mi.
    Binary,
    /// Of shares below one: by each nine.
    Shares,
}

impl Scale {
    fn place(self, value: f64) -> f64 {
        match self {
            Self::Linear => value,
            Self::Logarithmic | Self::Binary => value.log10(),
            Self::Shares => -(1.0 - value).log10(),
        }
    }

    fn number(self, value: f64) -> String {
        let (thousand, k, m) = if self == Self::Binary { (1024.0, " Ki", " Mi") } else { (1e3, "k", "M") };
        match self {
            Self::Shares => format!("{}%", (value * 1e6).round() / 1e4),
            _ if value >= thousand * thousand => format!("{}{m}", value / thousand / thousand),
            _ if value >= thousand && value % thousand == 0.0 => format!("{}{k}", value / thousand),
            _ => short(value),
        }
    }
}

const WIDTH: f64 = 300.0;
const HEIGHT: f64 = 240.0;
/// Above a panel, for both titles.
const ABOVE: f64 = 64.0;
/// Below it, for the numbers of the axis and what it counts.
const BELOW: f64 = 56.0;
/// To its left, for the numbers of the axis.
const LEFT: f64 = 62.0;
const RIGHT: f64 = 16.0;
const LEGEND_ROW: f64 = 20.0;
/// Told apart by those who do not see all colours, too; the first for ours.
const COLOURS: [&str; 7] = ["#0072b2", "#56b4e9", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#8c6d31"];
const BY_HAND: &str = "#000000";

impl Chart {
    /// The picture.
    pub fn svg(&self) -> String {
        let names = self.names();
        let width = self.panels.len() as f64 * (LEFT + WIDTH + RIGHT);
        let (legend, rows) = legend(&names, width);
        let height = ABOVE + HEIGHT + BELOW + rows as f64 * LEGEND_ROW + 12.0;
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
             font-family=\"system-ui, sans-serif\" font-size=\"11\" fill=\"#333333\">\n\
             <rect width=\"{width}\" height=\"{height}\" fill=\"#ffffff\"/>\n\
             <text x=\"{LEFT}\" y=\"24\" font-size=\"15\" font-weight=\"600\" fill=\"#111111\">{}</text>\n",
            self.title
        );
        for (at, panel) in self.panels.iter().enumerate() {
            let left = at as f64 * (LEFT + WIDTH + RIGHT) + LEFT;
            let _ = writeln!(svg, "<g transform=\"translate({left} {ABOVE})\">\n{}</g>", panel.svg(&names));
        }
        let top = ABOVE + HEIGHT + BELOW;
        let _ = writeln!(svg, "<g transform=\"translate({LEFT} {top})\" font-size=\"12\">\n{legend}</g>\n</svg>");
        svg
    }

    /// The same in numbers.
    pub fn text(&self) -> String {
        let mut text = format!("{}\n", self.title);
        for panel in &self.panels {
            let _ = writeln!(text, "\n{}, {}, by {}", panel.title, panel.y, panel.x);
            for line in &panel.lines {
                let point = |(x, y): &(f64, f64)| format!("{}: {y:.0}", panel.x_scale.number(*x));
                let points: Vec<String> = line.points.iter().map(point).collect();
                let _ = writeln!(text, "  {}  {}", line.name, points.join(", "));
            }
        }
        text
    }

    /// Of all lines, each once.
    fn names(&self) -> Vec<&str> {
        let mut names = Vec::new();
        for line in self.panels.iter().flat_map(|panel| &panel.lines) {
            if !names.contains(&line.name.as_str()) {
                names.push(line.name.as_str());
            }
        }
        names
    }
}

fn colour(names: &[&str], name: &str) -> &'static str {
    if name.starts_with("by hand") {
        return BY_HAND;
    }
    let mut others = names.iter().filter(|name| !name.starts_with("by hand"));
    let at = others.position(|known| *known == name).unwrap_or_default();
    COLOURS[at % COLOURS.len()]
}

/// The entries and how many rows they take.
fn legend(names: &[&str], width: f64) -> (String, usize) {
    let mut legend = String::new();
    let (mut x, mut row) = (0.0, 0);
    for name in names {
        let needed = 34.0 + 6.6 * name.chars().count() as f64 + 16.0;
        if x > 0.0 && x + needed > width - LEFT {
            (x, row) = (0.0, row + 1);
        }
        let y = row as f64 * LEGEND_ROW;
        let colour = colour(names, name);
        let _ = writeln!(
            legend,
            "<line x1=\"{x}\" x2=\"{}\" y1=\"{y}\" y2=\"{y}\" stroke=\"{colour}\" stroke-width=\"3\"/>\
             <text x=\"{}\" y=\"{}\">{name}</text>",
            x + 24.0,
            x + 30.0,
            y + 4.0
        );
        x += needed;
    }
    (legend, row + 1)
}

impl Panel {
    /// A number of the vertical axis.
    fn height(&self, value: f64) -> String {
        match self.y {
            "µs" if value >= 1e6 => format!("{} s", value / 1e6),
            "µs" if value >= 1e3 => format!("{} ms", value / 1e3),
            unit => format!("{}{}{unit}", self.y_scale.number(value), if unit.starts_with('/') { "" } else { " " }),
        }
    }

    fn svg(&self, names: &[&str]) -> String {
        let points = || self.lines.iter().flat_map(|line| &line.points);
        let across = Axis::over(self.x_scale, points().map(|(x, _)| *x), 0.03, WIDTH);
        let up = Axis::over(self.y_scale, points().map(|(_, y)| *y), 0.06, HEIGHT);
        let mut svg = format!(
            "<text y=\"-12\" font-size=\"13\" font-weight=\"600\">{}</text>\n\
             <text x=\"{}\" y=\"{}\" text-anchor=\"middle\" font-size=\"12\">{}</text>\n",
            self.title,
            WIDTH / 2.0,
            HEIGHT + 36.0,
            self.x
        );
        for (value, y) in up.spaced(&up.ticks(), |_| 14.0) {
            let y = HEIGHT - y;
            let _ = writeln!(
                svg,
                "<line x2=\"{WIDTH}\" y1=\"{y:.1}\" y2=\"{y:.1}\" stroke=\"#e3e3e3\"/>\
                 <text x=\"-8\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                y + 4.0,
                self.height(value)
            );
        }
        let mut places: Vec<f64> = points().map(|(x, _)| *x).collect();
        places.sort_by(f64::total_cmp);
        places.dedup();
        let width = |x: f64| 6.4 * self.x_scale.number(x).chars().count() as f64 + 8.0;
        for (value, x) in across.spaced(&places, width) {
            let _ = writeln!(
                svg,
                "<line x1=\"{x:.1}\" x2=\"{x:.1}\" y2=\"{}\" stroke=\"#e3e3e3\"/>\
                 <text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
                HEIGHT + 4.0,
                HEIGHT + 18.0,
                self.x_scale.number(value)
            );
        }
        let _ = writeln!(svg, "<path d=\"M0 0V{HEIGHT}H{WIDTH}\" fill=\"none\" stroke=\"#777777\"/>");
        // Ours last: on top.
        for line in self.lines.iter().rev() {
            let width = if line.name.starts_with("ours") { 3.0 } else { 1.8 };
            let place = |(x, y): &(f64, f64)| (across.place(*x), HEIGHT - up.place(*y));
            let places: Vec<(f64, f64)> = line.points.iter().map(place).collect();
            let path: Vec<String> = places.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
            let colour = colour(names, &line.name);
            let _ = writeln!(
                svg,
                "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"{width}\"/>",
                path.join(" ")
            );
            for (x, y) in places {
                let _ = writeln!(svg, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{width}\" fill=\"{colour}\"/>");
            }
        }
        svg
    }
}

/// From values to lengths.
struct Axis {
    scale: Scale,
    from: f64,
    to: f64,
    length: f64,
}

impl Axis {
    /// With some room at both ends.
    fn over(scale: Scale, values: impl Iterator<Item = f64>, room: f64, length: f64) -> Self {
        let places: Vec<f64> = values.map(|value| scale.place(value)).collect();
        let least = places.iter().copied().fold(f64::INFINITY, f64::min);
        let most = places.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let room = (most - least).max(0.1) * room;
        Self { scale, from: least - room, to: most + room, length }
    }

    fn place(&self, value: f64) -> f64 {
        (self.scale.place(value) - self.from) / (self.to - self.from) * self.length
    }

    /// Round numbers: 1, 2 and 5 of each power of ten, or the powers alone where there are many.
    fn ticks(&self) -> Vec<f64> {
        let steps: &[f64] = if self.to - self.from > 3.0 { &[1.0] } else { &[1.0, 2.0, 5.0] };
        let powers = self.from.floor() as i32..=self.to.ceil() as i32;
        let ticks = powers.flat_map(|power| steps.iter().map(move |step| step * 10f64.powi(power)));
        ticks.filter(|tick| (self.from..self.to).contains(&self.scale.place(*tick))).collect()
    }

    /// Those whose labels, so long each, do not touch the one before, with their places.
    fn spaced(&self, values: &[f64], length: impl Fn(f64) -> f64) -> Vec<(f64, f64)> {
        let mut spaced: Vec<(f64, f64)> = Vec::new();
        for value in values {
            let place = self.place(*value);
            let apart = |last: f64| (length(last) + length(*value)) / 2.0;
            if spaced.last().is_none_or(|(last, at)| place - at >= apart(*last)) {
                spaced.push((*value, place));
            }
        }
        spaced
    }
}
