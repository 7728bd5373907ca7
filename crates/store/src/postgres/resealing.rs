//! Sealing anew what older master keys sealed.

use async_trait::async_trait;
use tokio_postgres::Row;
use uuid::Uuid;

use super::migrate::CANARY;
use super::rows::{from_count, only};
use super::tx::{Result, Tx};
use super::{PostgresStore, transact};
use crate::resealing::{RESEAL_BATCH, Resealing, SEALED_COLUMNS};

#[async_trait]
impl Resealing for PostgresStore {
    async fn reseal(&self) -> crate::Result<usize> {
        transact!(self, |tx| reseal(&tx).await)
    }
}

async fn reseal(tx: &Tx) -> Result<usize> {
    // No index says what is sealed by which key: the last calls read tables from end to end.
    tx.run("SET LOCAL statement_timeout = '10min'").await?;
    let mut left = RESEAL_BATCH;
    let key_id = tx.sealer.key_id();
    for sealed in &SEALED_COLUMNS {
        let (table, column) = (sealed.table, sealed.column);
        // After the version stands the id of the key. What somebody else works on comes with a later call.
        let sql = format!(
            "SELECT id, {column} FROM {table} WHERE {column} IS NOT NULL \
             AND substring({column} FROM 2 FOR 4) <> $1 LIMIT $2 FOR UPDATE"
        );
        let read = |row: &Row| Ok((row.try_get::<_, Uuid>(0)?, row.try_get::<_, Vec<u8>>(1)?));
        let rows = tx.client().await?.query(&sql, &[&&key_id[..], &from_count(left)]).await?;
        let found = rows.iter().map(read).collect::<Result<Vec<_>>>()?;
        let sql = format!("UPDATE {table} SET {column} = $2 WHERE id = $1");
        for (id, value) in &found {
            let anew = tx.sealer.seal_anew(&(sealed.place)(id.into_bytes()), value)?;
            tx.execute(&sql, &[id, &anew]).await?;
        }
        left -= found.len();
        if left == 0 {
            return Ok(RESEAL_BATCH);
        }
    }
    let sql = "SELECT value FROM meta WHERE key = $1 AND substring(value FROM 2 FOR 4) <> $2 FOR UPDATE";
    let found = tx.all(sql, &[&CANARY, &&key_id[..]], only::<Vec<u8>>).await?;
    for value in &found {
        let anew = tx.sealer.seal_anew(CANARY, value)?;
        tx.execute("UPDATE meta SET value = $2 WHERE key = $1", &[&CANARY, &anew]).await?;
    }
    Ok(RESEAL_BATCH - left + found.len())
}
