//! What was measured, for people and for programs.

use std::time::Duration;

use anyhow::bail;
use comfy_table::{CellAlignment, Table, presets};
use serde_json::{Map, Value, json};

use crate::spread::Spread;

/// What one subject came to.
pub(crate) struct Section {
    /// Its name in the JSON.
    pub(crate) name: &'static str,
    pub(crate) title: String,
    pub(crate) table: Table,
    pub(crate) json: Value,
    pub(crate) goals: Vec<Goal>,
    pub(crate) tally: Tally,
}

/// What was promised and did not arrive, and what arrived more than once.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Tally {
    /// Deliveries that were due to arrive.
    pub(crate) promised: usize,
    pub(crate) losses: usize,
    pub(crate) repeats: usize,
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.promised += other.promised;
        self.losses += other.losses;
        self.repeats += other.repeats;
    }
}

/// What a figure should be.
pub(crate) struct Goal {
    pub(crate) name: String,
    pub(crate) measured: f64,
    pub(crate) bound: Bound,
    pub(crate) unit: &'static str,
}

/// On which side of a number it should be.
#[derive(Clone, Copy)]
pub(crate) enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

impl Goal {
    fn is_met(&self) -> bool {
        match self.bound {
            Bound::AtMost(most) => self.measured <= most,
            Bound::AtLeast(least) => self.measured >= least,
        }
    }
}

/// All of a run.
pub(crate) struct Report {
    is_postgres: bool,
    sections: Vec<Section>,
}

impl Report {
    pub(crate) fn new(is_postgres: bool) -> Self {
        println!("# {}\n", if is_postgres { "PostgreSQL" } else { "SQLite" });
        Self { is_postgres, sections: Vec::new() }
    }

    /// Prints what was measured, and keeps it.
    pub(crate) fn add(&mut self, section: Section) {
        println!("## {}\n\n{}\n", section.title, section.table);
        let Tally { promised, losses, repeats } = section.tally;
        if promised > 0 {
            println!("{promised} deliveries promised, {losses} lost, {repeats} repeated\n");
        }
        self.sections.push(section);
    }

    /// The same for a program.
    pub(crate) fn json(&self) -> String {
        let mut all = Map::new();
        all.insert("database".into(), json!(if self.is_postgres { "postgres" } else { "sqlite" }));
        all.insert("cores".into(), json!(crate::usage::cores()));
        for section in &self.sections {
            let Tally { promised, losses, repeats } = section.tally;
            let tally = json!({"promised": promised, "losses": losses, "repeats": repeats});
            all.insert(section.name.into(), json!({"measured": section.json, "tally": tally}));
        }
        let goal = |goal: &Goal| {
            let (side, bound) = match goal.bound {
                Bound::AtMost(most) => ("at_most", most),
                Bound::AtLeast(least) => ("at_least", least),
            };
            let (name, measured, is_met) = (&goal.name, goal.measured, goal.is_met());
            json!({"name": name, "measured": measured, side: bound, "unit": goal.unit, "is_met": is_met})
        };
        all.insert("goals".into(), self.goals().map(goal).collect());
        format!("{:#}\n", Value::Object(all))
    }

    /// Prints which goals were met; an error where anything was lost.
    pub(crate) fn end(&self) -> anyhow::Result<()> {
        let mut table = table(&["goal", "measured", "bound", "met"]);
        for goal in self.goals() {
            let bound = match goal.bound {
                Bound::AtMost(most) => format!("≤ {} {}", number(most), goal.unit),
                Bound::AtLeast(least) => format!("≥ {} {}", number(least), goal.unit),
            };
            let measured = format!("{} {}", number(goal.measured), goal.unit);
            let is_met = if goal.is_met() { "yes" } else { "no" };
            table.add_row([&goal.name, &measured, &bound, is_met]);
        }
        if self.goals().next().is_some() {
            println!("## Goals\n\n{table}\n");
        }
        match self.sections.iter().map(|section| section.tally.losses).sum() {
            0_usize => Ok(()),
            losses => bail!("{losses} deliveries that were answered 202 never arrived"),
        }
    }

    fn goals(&self) -> impl Iterator<Item = &Goal> {
        self.sections.iter().flat_map(|section| &section.goals)
    }
}

/// A table whose columns but the first are numbers.
pub(crate) fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN);
    table.set_header(header);
    for place in 1..header.len() {
        if let Some(column) = table.column_mut(place) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

/// A row of how spans of time are spread.
pub(crate) fn spread_row(name: &str, spread: &Spread) -> [String; 6] {
    let Spread { count, p50, p99, p999, max } = spread;
    [name.to_owned(), count.to_string(), millis(*p50), millis(*p99), millis(*p999), millis(*max)]
}

/// The header of such rows.
pub(crate) const SPREAD_COLUMNS: [&str; 5] = ["count", "p50", "p99", "p99.9", "max"];

/// With commas where it is large.
pub(crate) fn number(value: f64) -> String {
    if value < 10.0 {
        return format!("{value:.2}");
    }
    if value < 1_000.0 {
        return format!("{value:.1}");
    }
    let whole = format!("{value:.0}");
    let mut text = String::new();
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

pub(crate) fn millis(span: Duration) -> String {
    format!("{:.2} ms", span.as_secs_f64() * 1e3)
}

pub(crate) fn mebibytes(bytes: u64) -> String {
    format!("{} MiB", bytes / 1_048_576)
}
