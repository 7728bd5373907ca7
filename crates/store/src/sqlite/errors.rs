//! What `SQLite`'s errors mean to a caller.

use rusqlite::{Error, ErrorCode, ffi};

use crate::StoreError;

impl From<Error> for StoreError {
    fn from(error: Error) -> Self {
        let text = error.to_string();
        match &error {
            Error::SqliteFailure(failure, _) => from_failure(*failure, &text),
            Error::FromSqlConversionFailure(..)
            | Error::IntegralValueOutOfRange(..)
            | Error::InvalidColumnType(..)
            | Error::Utf8Error(..) => Self::Corrupt(text),
            _ => Self::Refused(text),
        }
    }
}

fn from_failure(failure: ffi::Error, text: &str) -> StoreError {
    // The extended code tells what the text does not: which of the thirty kinds of I/O error it was.
    let text = format!("{text} (SQLite error {})", failure.extended_code);
    if failure.extended_code == ffi::SQLITE_IOERR_CORRUPTFS {
        return StoreError::Corrupt(text);
    }
    match failure.code {
        ErrorCode::DatabaseBusy
        | ErrorCode::DatabaseLocked
        | ErrorCode::DiskFull
        | ErrorCode::SystemIoFailure
        | ErrorCode::CannotOpen
        | ErrorCode::OutOfMemory
        | ErrorCode::ReadOnly
        | ErrorCode::PermissionDenied
        | ErrorCode::FileLockingProtocolFailed
        | ErrorCode::OperationInterrupted => StoreError::Unavailable(text),
        ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => StoreError::Corrupt(text),
        _ => StoreError::Refused(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mapped(extended_code: i32) -> StoreError {
        Error::SqliteFailure(ffi::Error::new(extended_code), None).into()
    }

    #[test]
    fn what_may_pass_is_unavailable_and_what_may_not_is_not() {
        for code in [ffi::SQLITE_BUSY, ffi::SQLITE_FULL, ffi::SQLITE_IOERR_FSYNC, ffi::SQLITE_LOCKED] {
            assert!(matches!(mapped(code), StoreError::Unavailable(_)), "{code}");
        }
        for code in [ffi::SQLITE_CORRUPT, ffi::SQLITE_NOTADB, ffi::SQLITE_IOERR_CORRUPTFS] {
            assert!(matches!(mapped(code), StoreError::Corrupt(_)), "{code}");
        }
        for code in [ffi::SQLITE_ERROR, ffi::SQLITE_CONSTRAINT_TRIGGER, ffi::SQLITE_TOOBIG] {
            assert!(matches!(mapped(code), StoreError::Refused(_)), "{code}");
        }
    }

    #[test]
    fn the_extended_code_is_told() {
        assert!(mapped(ffi::SQLITE_IOERR_FSYNC).to_string().contains("1034"));
    }
}
