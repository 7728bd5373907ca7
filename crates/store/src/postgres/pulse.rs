//! Whether a database answers: asked on a connection of its own, so that no pool that is busy looks like a server
//! that is gone.

use std::time::Duration;

use super::connection::{PostgresUrl, in_time};
use crate::Result;

/// How long a sign of life may take. Work does not slow an empty statement down; a server that is stopped does.
const ANSWER_MAX: Duration = Duration::from_secs(4);

/// A connection that is asked for signs of life.
pub(crate) struct Pulse(tokio_postgres::Client);

impl Pulse {
    /// Connects; an error where the server does not answer in time.
    pub(crate) async fn find(url: &PostgresUrl) -> Result<Self> {
        in_time(ANSWER_MAX, async {
            let client = url.connect().await?;
            client.batch_execute("").await?;
            Ok(Self(client))
        })
        .await?
    }

    /// A sign of life, or why there is none.
    pub(crate) async fn beat(&self) -> Result<()> {
        Ok(in_time(ANSWER_MAX, self.0.batch_execute("")).await??)
    }
}
