//! The table of nodes, and which stores were configured of late.

use std::time::Duration;

use async_trait::async_trait;
use bocau_domain::node::FORGOTTEN_AFTER;
use bocau_domain::{Node, NodeCard, NodeId, StoreId, Timestamp};
use tokio_postgres::Row;

use super::rows::{from_count, id, millis, store_id, time, to_u64, uuid, without_nul};
use super::tx::{Connection, Result, Tx};
use super::{PostgresStore, transact};
use crate::nodes::{CONFIGURED_MAX, Configured, Nodes};

/// What was noted as configured at a moment may be committed by so much later: more than any verb takes.
const COMMITTED_WITHIN: Duration = Duration::from_mins(5);

/// The database's clock in a statement.
macro_rules! now {
    () => {
        "(extract(epoch FROM clock_timestamp()) * 1000)::bigint"
    };
}

#[async_trait]
impl Nodes for PostgresStore {
    async fn beat(&self, node: &NodeCard, _now: Timestamp) -> crate::Result<()> {
        transact!(self, |tx| beat(&tx, node).await)
    }

    async fn list_nodes(&self, _now: Timestamp) -> crate::Result<Vec<Node>> {
        Ok(list(&self.urgent().await?).await?)
    }

    async fn leave(&self, id: NodeId) -> crate::Result<()> {
        let sql = "DELETE FROM nodes WHERE id = $1";
        transact!(self, |tx| tx.execute(sql, &[&uuid(id.as_bytes())]).await.map(drop))
    }

    async fn configured_since(&self, since: Option<Timestamp>) -> crate::Result<Option<Configured>> {
        Ok(Some(configured_since(&self.urgent().await?, since).await?))
    }
}

async fn beat(tx: &Tx, node: &NodeCard) -> Result<()> {
    tx.execute(
        concat!(
            "INSERT INTO nodes (id, name, role, version, started_at, seen_at) VALUES ($1, $2, $3, $4, $5, ",
            now!(),
            ") ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at"
        ),
        &[
            &uuid(node.id.as_bytes()),
            &without_nul(&node.name),
            &node.role.as_str(),
            &node.version,
            &node.started_at.as_millis(),
        ],
    )
    .await
    .map(drop)
}

async fn list(connection: &Connection) -> Result<Vec<Node>> {
    let sql = concat!(
        "SELECT id, name, role, version, started_at, seen_at, greatest(",
        now!(),
        " - seen_at, 0) FROM nodes ORDER BY started_at, id"
    );
    connection.all(sql, &[], node).await
}

/// Forgets those that have been silent for long.
pub(super) async fn sweep(tx: &Tx) -> Result<()> {
    let sql = concat!("DELETE FROM nodes WHERE seen_at < ", now!(), " - $1");
    tx.execute(sql, &[&millis(FORGOTTEN_AFTER)]).await.map(drop)
}

async fn configured_since(connection: &Connection, since: Option<Timestamp>) -> Result<Configured> {
    // Read before what it is about: what is noted meanwhile belongs to the next time.
    let at = connection.first(concat!("SELECT ", now!()), &[], |row| time(row, 0)).await?.unwrap_or_default();
    let Some(since) = since else { return Ok(Configured { at, stores: Vec::new(), is_complete: true }) };
    let sql = "SELECT id, config_version FROM stores WHERE configured_at >= $1 ORDER BY configured_at DESC LIMIT $2";
    let from = since.as_millis().saturating_sub(millis(COMMITTED_WITHIN));
    let limit = from_count(CONFIGURED_MAX);
    let stores: Vec<(StoreId, u64)> =
        connection.all(sql, &[&from, &limit], |row| Ok((store_id(row, 0)?, to_u64(row.try_get(1)?)))).await?;
    Ok(Configured { at, is_complete: stores.len() < CONFIGURED_MAX, stores })
}

fn node(row: &Row) -> Result<Node> {
    Ok(Node {
        id: id(row, 0, NodeId::from_bytes)?,
        name: row.try_get(1)?,
        role: row.try_get(2)?,
        version: row.try_get(3)?,
        started_at: time(row, 4)?,
        seen_at: time(row, 5)?,
        silent_for: Duration::from_millis(to_u64(row.try_get(6)?)),
    })
}
