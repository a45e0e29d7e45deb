//! The table: who against whom, by how much, and whether that was the goal.

use std::fmt::Write;

use crate::stats::{Interval, median};

/// What a figure counts.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Unit {
    PerSecond,
    Micros,
    Millis,
    Kib,
    Connections,
}

impl Unit {
    fn show(self, value: f64) -> String {
        format!("{}{}", self.number(value), self.suffix())
    }

    fn number(self, value: f64) -> String {
        match self {
            Self::Micros if value < 100.0 => format!("{value:.2}"),
            Self::Millis if value < 100.0 => format!("{value:.1}"),
            _ => thousands(value),
        }
    }

    fn suffix(self) -> &'static str {
        match self {
            Self::PerSecond => "/s",
            Self::Micros => " µs",
            Self::Millis => " ms",
            Self::Kib => " KiB",
            Self::Connections => "",
        }
    }
}

/// One figure of ours, beside theirs when there is somebody to compare with.
#[derive(Debug, Clone)]
pub(crate) struct Figure {
    pub(crate) unit: Unit,
    pub(crate) ours: Vec<f64>,
    pub(crate) theirs: Option<Vec<f64>>,
}

impl Figure {
    fn ratio(&self) -> Option<Interval> {
        let theirs = self.theirs.as_ref()?;
        let ratio = Interval::of_ratio(&self.ours, theirs);
        // Nothing is so many times nothing.
        ratio.median.is_finite().then_some(ratio)
    }

    /// The ratio and its interval, or nothing if there is none.
    pub(crate) fn ratio_text(&self) -> String {
        let show = |ratio| range(ratio, |value| format!("{value:.2}"));
        self.ratio().map_or_else(String::new, show)
    }
}

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Goal {
    RatioAtLeast(f64),
    RatioAtMost(f64),
    CpuRatioAtMost(f64),
    /// In the figure's own unit.
    AtMost(f64),
}

/// One line of the table.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) what: String,
    pub(crate) against: String,
    pub(crate) figure: Figure,
    /// CPU time for one of what the figure counts, in µs.
    pub(crate) cpu: Option<Figure>,
    pub(crate) goals: Vec<Goal>,
}

/// The rows as a table in Markdown.
pub(crate) fn render(rows: &[Row]) -> String {
    let mut table = "| measured | against | multi-node | the other | ratio \
                     | CPU each: multi-node | the other | ratio | goal |\n\
                     | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | --- |\n"
        .to_owned();
    let mut previous = "";
    for row in rows {
        let what = if row.what == previous { "" } else { &row.what };
        previous = &row.what;
        let goals: Vec<String> = row.goals.iter().map(|goal| goal.judge(row)).collect();
        let figure = cells(&row.figure);
        let cpu = row.cpu.as_ref().map_or_else(|| " | | ".to_owned(), cells);
        writeln!(table, "| {what} | {} | {figure} | {cpu} | {} |", row.against, goals.join("; "))
            .expect("a string takes all");
    }
    table
}

fn cells(figure: &Figure) -> String {
    let unit = figure.unit;
    match &figure.theirs {
        Some(theirs) => format!(
            "{} | {} | {}",
            unit.show(median(&figure.ours)),
            unit.show(median(theirs)),
            figure.ratio_text()
        ),
        None => format!(
            "{}{} | | ",
            range(Interval::of(&figure.ours), |value| unit.number(value)),
            unit.suffix()
        ),
    }
}

fn range(interval: Interval, show: impl Fn(f64) -> String) -> String {
    let [low, middle, high] = [interval.low, interval.median, interval.high].map(show);
    if low == high { middle } else { format!("{middle} ({low}–{high})") }
}

impl Goal {
    /// What is asked for and what came of it.
    fn judge(self, row: &Row) -> String {
        let ratio = || row.figure.ratio();
        let cpu_ratio = || row.cpu.as_ref()?.ratio();
        let (name, measured, bound) = match self {
            Self::RatioAtLeast(bound) => ("", ratio(), bound),
            Self::RatioAtMost(bound) => ("", ratio(), bound),
            Self::CpuRatioAtMost(bound) => ("CPU ", cpu_ratio(), bound),
            Self::AtMost(bound) => ("", Some(Interval::of(&row.figure.ours)), bound),
        };
        let verdict = measured.map_or("not measured", |interval| self.verdict(interval, bound));
        let bound = match self {
            Self::RatioAtLeast(_) => format!("≥ {bound}"),
            Self::RatioAtMost(_) | Self::CpuRatioAtMost(_) => format!("≤ {bound}"),
            Self::AtMost(_) => format!("≤ {}", row.figure.unit.show(bound)),
        };
        format!("{name}{bound}: {verdict}")
    }

    fn verdict(self, interval: Interval, bound: f64) -> &'static str {
        let (worst, best) = match self {
            Self::RatioAtLeast(_) => (interval.low - bound, interval.high - bound),
            Self::RatioAtMost(_) | Self::CpuRatioAtMost(_) | Self::AtMost(_) => {
                (bound - interval.high, bound - interval.low)
            }
        };
        if worst >= 0.0 {
            "met"
        } else if best >= 0.0 {
            "level"
        } else {
            "**short**"
        }
    }
}

/// Whole, with a comma before every third digit from the right.
fn thousands(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::{Figure, Goal, Row, Unit, render, thousands};

    fn row(ours: &[f64], theirs: &[f64], goal: Goal) -> Row {
        Row {
            what: "x".to_owned(),
            against: "y".to_owned(),
            figure: Figure {
                unit: Unit::PerSecond,
                ours: ours.to_vec(),
                theirs: Some(theirs.to_vec()),
            },
            cpu: None,
            goals: vec![goal],
        }
    }

    #[test]
    fn a_goal_within_the_interval_is_level_and_neither_met_nor_short() {
        let noisy = [90.0, 100.0, 110.0, 95.0, 105.0];
        for (goal, verdict) in [
            (Goal::RatioAtLeast(0.85), "≥ 0.85: met"),
            (Goal::RatioAtLeast(1.0), "≥ 1: level"),
            (Goal::RatioAtLeast(1.2), "≥ 1.2: **short**"),
            (Goal::RatioAtMost(1.2), "≤ 1.2: met"),
            (Goal::RatioAtMost(0.8), "≤ 0.8: **short**"),
            (Goal::AtMost(200.0), "≤ 200/s: met"),
            (Goal::CpuRatioAtMost(1.0), "CPU ≤ 1: not measured"),
        ] {
            let table = render(&[row(&noisy, &[100.0; 5], goal)]);
            assert!(table.contains(verdict), "{verdict} in {table}");
        }
    }

    #[test]
    fn every_line_has_as_many_cells_as_the_head() {
        let mut alone = row(&[1.0], &[1.0], Goal::AtMost(2.0));
        alone.figure.theirs = None;
        let with_cpu =
            Row { cpu: Some(alone.figure.clone()), ..row(&[1.0], &[0.0], Goal::RatioAtLeast(1.0)) };
        let table = render(&[alone, with_cpu]);
        let cells: Vec<usize> = table.lines().map(|line| line.matches('|').count()).collect();
        assert_eq!(cells, [10; 4]);
    }

    #[test]
    fn thousands_are_grouped_from_the_right() {
        assert_eq!(thousands(12.0), "12");
        assert_eq!(thousands(123_456.4), "123,456");
        assert_eq!(thousands(1_234_567.0), "1,234,567");
    }
}
