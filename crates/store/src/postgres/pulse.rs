//! Whether a database answers: asked on a connection of its own, so that no pool that is busy looks like a server
//! that is gone.

use std::future::Future;
use std::time::Duration;

use super::connection::PostgresUrl;
use crate::{Result, StoreError};

/// How long a sign of life may take. Work does not slow an empty statement down; a server that is stopped does.
const ANSWER_MAX: Duration = Duration::from_secs(4);

/// A connection that is asked for signs of life.
pub(crate) struct Pulse(tokio_postgres::Client);

impl Pulse {
    /// Connects; an error where the server does not answer in time.
    pub(crate) async fn find(url: &PostgresUrl) -> Result<Self> {
        in_time(async {
            let client = url.connect().await?;
            client.batch_execute("").await?;
            Ok(Self(client))
        })
        .await
    }

    /// A sign of life, or why there is none.
    pub(crate) async fn beat(&self) -> Result<()> {
        in_time(async { Ok(self.0.batch_execute("").await?) }).await
    }
}

#[expect(clippy::disallowed_methods, reason = "watches over a real connection")]
async fn in_time<T>(answer: impl Future<Output = Result<T>>) -> Result<T> {
    let silent = || StoreError::Unavailable(format!("no answer within {} s", ANSWER_MAX.as_secs()));
    tokio::time::timeout(ANSWER_MAX, answer).await.unwrap_or_else(|_| Err(silent()))
}
