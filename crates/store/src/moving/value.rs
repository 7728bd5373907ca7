//! A value of a row that moves: what `SQLite` keeps, in the type that `PostgreSQL`'s column has.

use bytes::BytesMut;
use rusqlite::types::{FromSql as FromSqlite, FromSqlResult, ToSqlOutput, ValueRef};
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};
use uuid::Uuid;

/// The values of a row, those of its key first.
pub(crate) type Row = Vec<Value>;

type Error = Box<dyn std::error::Error + Sync + Send>;

/// One value. Ids and truths are written as `SQLite` keeps them, as bytes and numbers.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Value {
    Null,
    Integer(i64),
    Text(String),
    Bytes(Vec<u8>),
}

impl Value {
    /// The bytes, where it has some.
    pub(crate) fn bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }
}

impl FromSqlite for Value {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        Ok(match value {
            ValueRef::Null => Self::Null,
            ValueRef::Integer(number) => Self::Integer(number),
            // PostgreSQL's texts hold every character but this one.
            ValueRef::Text(_) => Self::Text(value.as_str()?.replace('\0', "\u{fffd}")),
            ValueRef::Blob(bytes) => Self::Bytes(bytes.to_vec()),
            ValueRef::Real(_) => return Err(rusqlite::types::FromSqlError::InvalidType),
        })
    }
}

impl rusqlite::ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Integer(number) => ValueRef::Integer(*number),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Bytes(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

impl ToSql for Value {
    fn to_sql(&self, kind: &Type, out: &mut BytesMut) -> Result<IsNull, Error> {
        match (self, kind) {
            (Self::Null, _) => Ok(IsNull::Yes),
            (Self::Integer(number), &Type::BOOL) => (*number != 0).to_sql(kind, out),
            (Self::Integer(number), &Type::INT4) => i32::try_from(*number)?.to_sql(kind, out),
            (Self::Integer(number), _) => number.to_sql(kind, out),
            (Self::Text(text), _) => text.to_sql(kind, out),
            // SQLite's keys have no NULL in them: there, no webhook is an id without bytes.
            (Self::Bytes(bytes), &Type::UUID) if bytes.is_empty() => Ok(IsNull::Yes),
            (Self::Bytes(bytes), &Type::UUID) => Uuid::from_slice(bytes)?.to_sql(kind, out),
            (Self::Bytes(bytes), _) => bytes.to_sql(kind, out),
        }
    }

    fn accepts(kind: &Type) -> bool {
        is_known(kind)
    }

    to_sql_checked!();
}

impl<'a> FromSql<'a> for Value {
    fn from_sql(kind: &Type, raw: &'a [u8]) -> Result<Self, Error> {
        Ok(match *kind {
            Type::BOOL => Self::Integer(bool::from_sql(kind, raw)?.into()),
            Type::INT4 => Self::Integer(i32::from_sql(kind, raw)?.into()),
            Type::INT8 => Self::Integer(i64::from_sql(kind, raw)?),
            Type::TEXT => Self::Text(String::from_sql(kind, raw)?),
            Type::UUID => Self::Bytes(Uuid::from_sql(kind, raw)?.as_bytes().to_vec()),
            _ => Self::Bytes(Vec::from_sql(kind, raw)?),
        })
    }

    fn from_sql_null(_: &Type) -> Result<Self, Error> {
        Ok(Self::Null)
    }

    fn accepts(kind: &Type) -> bool {
        is_known(kind)
    }
}

/// Whether it is one of the types that columns have.
pub(crate) fn is_known(kind: &Type) -> bool {
    [Type::BOOL, Type::INT4, Type::INT8, Type::TEXT, Type::UUID, Type::BYTEA].contains(kind)
}
