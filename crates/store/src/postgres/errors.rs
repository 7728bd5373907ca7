//! What `PostgreSQL`'s errors mean to a caller.

use deadpool_postgres::PoolError;
use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

use crate::StoreError;

/// Why a transaction did not come to its end.
#[derive(Debug)]
pub(super) enum Failed {
    /// Another transaction stood in its way; the same may go well at once: run it again.
    Conflict(String),
    /// As the caller is told.
    Store(StoreError),
}

impl From<StoreError> for Failed {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<Failed> for StoreError {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Conflict(text) => Self::Unavailable(text),
            Failed::Store(error) => error,
        }
    }
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        let conflicts = [
            SqlState::T_R_SERIALIZATION_FAILURE,
            SqlState::T_R_DEADLOCK_DETECTED,
            // A part of a day that another node has just dropped.
            SqlState::CHECK_VIOLATION,
        ];
        match error.code() {
            Some(code) if conflicts.contains(code) => Self::Conflict(text_of(&error)),
            _ => Self::Store(error.into()),
        }
    }
}

impl From<Error> for StoreError {
    fn from(error: Error) -> Self {
        let text = text_of(&error);
        let Some(code) = error.code() else {
            // No answer of the server: the connection is gone, or a value could not be read.
            return if error.is_closed() || is_io(&error) {
                Self::Unavailable(text)
            } else {
                Self::Corrupt(text)
            };
        };
        match code.code().get(..2) {
            // Connection, rolled back, resources, limits, intervention of an operator, I/O of the server.
            Some("08" | "40" | "53" | "55" | "57" | "58") => Self::Unavailable(text),
            _ if *code == SqlState::READ_ONLY_SQL_TRANSACTION => Self::Unavailable(text),
            // A server that is full or broken in ways it has no code for.
            _ if *code == SqlState::DATA_CORRUPTED || *code == SqlState::INDEX_CORRUPTED => {
                Self::Corrupt(text)
            }
            _ => Self::Refused(text),
        }
    }
}

impl From<PoolError> for StoreError {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Timeout(_) => Self::Unavailable("all connections to PostgreSQL are busy".into()),
            PoolError::Closed => Self::Closed,
            // Whatever stands in the way of connecting may pass: a wrong password is found at the start.
            PoolError::Backend(error) => Self::Unavailable(text_of(&error)),
            error => Self::Unavailable(error.to_string()),
        }
    }
}

impl From<PoolError> for Failed {
    fn from(error: PoolError) -> Self {
        Self::Store(error.into())
    }
}

/// Whether the error is one of the connection.
fn is_io(error: &Error) -> bool {
    std::error::Error::source(error).is_some_and(<dyn std::error::Error>::is::<std::io::Error>)
}

/// All that an error says: its display alone says “db error” only.
pub(super) fn text_of(error: &Error) -> String {
    if let Some(db) = error.as_db_error() {
        let code = db.code().code();
        return match db.detail() {
            Some(detail) => format!("{} ({detail}; PostgreSQL error {code})", db.message()),
            None => format!("{} (PostgreSQL error {code})", db.message()),
        };
    }
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}
