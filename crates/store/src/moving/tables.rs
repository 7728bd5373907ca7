//! What there is to copy when an installation moves, and how.

use std::fmt::Write as _;

use super::value::{Row, Value};

/// How a table is copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    /// Emptied and written anew, in one transaction: it is small, or has more than one thing that must be unique.
    Whole,
    /// Compared part by part along its key.
    InParts,
}

/// A table of both backends.
#[derive(Debug)]
pub(crate) struct Table {
    /// Its name.
    pub(crate) name: &'static str,
    /// The columns of its key, in the key's order; nothing is compared without one.
    pub(crate) key: &'static [&'static str],
    /// How it is copied.
    pub(crate) how: How,
    /// Columns that are long and never change for another value of the same length: compared by length.
    pub(crate) long: &'static [&'static str],
    /// The column that says in which day's part a row is.
    pub(crate) day: Option<&'static str>,
}

const fn whole(name: &'static str) -> Table {
    Table { name, key: &[], how: How::Whole, long: &[], day: None }
}

const fn in_parts(name: &'static str, key: &'static [&'static str]) -> Table {
    Table { name, key, how: How::InParts, long: &[], day: None }
}

/// All that an installation consists of but `meta`, which each database has of its own. The order is the one in
/// which they are copied: what a running server adds to while they are, comes late.
pub(crate) const TABLES: [Table; 17] = [
    whole("stores"),
    whole("webhooks"),
    whole("api_keys"),
    whole("users"),
    whole("user_stores"),
    whole("sign_in_links"),
    whole("resend_jobs"),
    whole("inboxes"),
    in_parts("audit_log", &["id"]),
    Table { long: &["body"], ..in_parts("inbox_requests", &["inbox_id", "id"]) },
    Table { long: &["payload"], day: Some("id"), ..in_parts("events", &["id"]) },
    Table { day: Some("id"), ..in_parts("deliveries", &["store_id", "id"]) },
    Table {
        long: &["response_body"],
        day: Some("delivery_id"),
        ..in_parts("attempts", &["delivery_id", "number"])
    },
    in_parts("idempotency_keys", &["store_id", "key"]),
    whole("sessions"),
    whole("hourly_deliveries"),
    whole("hourly_durations"),
];

/// How a backend writes what both can do.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Dialect {
    /// What stands before the number of a value.
    pub(crate) mark: char,
    /// The function that counts the bytes of a value.
    pub(crate) length: &'static str,
}

impl Table {
    /// The statement that reads these columns of the rows after one and up to another, along the key, and its values;
    /// of a table without a key it reads all rows.
    pub(crate) fn select<'a>(
        &self,
        dialect: Dialect,
        columns: &[String],
        after: Option<&'a Row>,
        up_to: Option<&'a Row>,
    ) -> (String, Vec<&'a Value>) {
        let mut sql = format!("SELECT {} FROM {}", columns.join(", "), self.name);
        let mut values = Vec::new();
        let key = self.key.join(", ");
        for (comparison, bound) in [(">", after), ("<=", up_to)] {
            let Some(bound) = bound else { continue };
            let word = if values.is_empty() { "WHERE" } else { "AND" };
            let places = dialect.places(values.len(), bound.len());
            let _ = write!(sql, " {word} ({key}) {comparison} ({places})");
            values.extend(bound);
        }
        if !key.is_empty() {
            let _ = write!(sql, " ORDER BY {key}");
        }
        (sql, values)
    }

    /// These columns, with lengths in place of what is long.
    pub(crate) fn outlined(&self, dialect: Dialect, columns: &[String]) -> Vec<String> {
        let outline = |column: &String| {
            if self.long.contains(&column.as_str()) {
                format!("{}({column})", dialect.length)
            } else {
                column.clone()
            }
        };
        columns.iter().map(outline).collect()
    }
}

impl Dialect {
    /// The places of so many values after the first few.
    pub(crate) fn places(self, before: usize, count: usize) -> String {
        let places: Vec<String> =
            (before + 1..=before + count).map(|place| format!("{}{place}", self.mark)).collect();
        places.join(", ")
    }
}
