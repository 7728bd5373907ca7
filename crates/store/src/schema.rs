//! Which schema a program needs, whatever the backend: its own or a newer one.

use refinery::Runner;

use crate::{Result, StoreError};

/// Refuses a database whose schema is older than the last step that this program knows.
pub(crate) fn check_is_current(found: Option<i32>, known: &Runner) -> Result<()> {
    let needed = known.get_migrations().iter().map(refinery::Migration::version).max().unwrap_or(0);
    if found.is_some_and(|version| version >= needed) {
        return Ok(());
    }
    let found = found
        .map_or_else(|| "has no schema yet".to_owned(), |version| format!("has schema version {version}"));
    Err(StoreError::Refused(format!(
        "the database {found}, and this program needs version {needed}: run `bocau migrate`, or set \
         migrate_on_start to true"
    )))
}
