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
            // A transaction that the server ended as it took too long, or heard nothing of it any more; one on a standby.
            _ if is_broken_off(code) => Self::Unavailable(text),
            // A server that is full or broken in ways it has no code for.
            _ if *code == SqlState::DATA_CORRUPTED || *code == SqlState::INDEX_CORRUPTED => {
                Self::Corrupt(text)
            }
            _ => Self::Refused(text),
        }
    }
}

/// Whether the server has ended the transaction for no fault of its statements.
fn is_broken_off(code: &SqlState) -> bool {
    const TRANSACTION_TIMEOUT: &str = "25P04";
    let codes = [
        SqlState::READ_ONLY_SQL_TRANSACTION,
        SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
        // Of a statement that left together with the one that failed.
        SqlState::IN_FAILED_SQL_TRANSACTION,
    ];
    codes.contains(code) || code.code() == TRANSACTION_TIMEOUT
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

#[cfg(test)]
mod tests {
    use bocau_testkit::{Fault, TestDatabase};

    use super::*;

    /// The server waits for the next statement, which is lost on the way to it, and ends the transaction: whoever asked
    /// may ask again. It was told of a fault of its own.
    #[tokio::test]
    async fn a_transaction_that_the_server_heard_nothing_more_of_is_no_fault_of_whoever_asked() {
        let database = TestDatabase::make().await;
        let (proxy, url) = database.through_proxy().await;
        let (client, connection) =
            tokio_postgres::connect(&url, tokio_postgres::NoTls).await.expect("it connects");
        tokio::spawn(connection);
        let begin = "SET idle_in_transaction_session_timeout = '1s'; BEGIN";
        client.batch_execute(begin).await.expect("it begins");
        proxy.set(Fault::Unheard);
        let error = client.batch_execute("SELECT 1").await.expect_err("it is broken off");
        assert_eq!(error.code(), Some(&SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT), "{error:?}");
        assert!(matches!(StoreError::from(error), StoreError::Unavailable(_)));
    }
}
