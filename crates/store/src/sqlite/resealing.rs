//! Sealing anew what older master keys sealed.

use async_trait::async_trait;
use rusqlite::params;

use super::SqliteStore;
use super::migrate::CANARY;
use super::rows::{all, from_count};
use super::tx::Tx;
use crate::Result;
use crate::resealing::{RESEAL_BATCH, Resealing, SEALED_COLUMNS};

#[async_trait]
impl Resealing for SqliteStore {
    async fn reseal(&self) -> Result<usize> {
        self.writer.run(reseal).await
    }
}

fn reseal(tx: &Tx<'_>) -> Result<usize> {
    let mut left = RESEAL_BATCH;
    for sealed in &SEALED_COLUMNS {
        let (table, column) = (sealed.table, sealed.column);
        // After the version stands the id of the key.
        let sql = format!(
            "SELECT id, {column} FROM {table} WHERE {column} IS NOT NULL AND substr({column}, 2, 4) <> ?1 LIMIT ?2"
        );
        let found = all(tx.connection, &sql, params![tx.sealer.key_id(), from_count(left)], |row| {
            Ok((row.get::<_, [u8; 16]>(0)?, row.get::<_, Vec<u8>>(1)?))
        })?;
        let sql = format!("UPDATE {table} SET {column} = ?2 WHERE id = ?1");
        for (id, value) in &found {
            tx.execute(&sql, params![id, tx.sealer.seal_anew(&(sealed.place)(*id), value)?])?;
        }
        left -= found.len();
        if left == 0 {
            return Ok(RESEAL_BATCH);
        }
    }
    let sql = "SELECT value FROM meta WHERE key = ?1 AND substr(value, 2, 4) <> ?2";
    let found =
        all(tx.connection, sql, params![CANARY, tx.sealer.key_id()], |row| Ok(row.get::<_, Vec<u8>>(0)?))?;
    for value in &found {
        let anew = tx.sealer.seal_anew(CANARY, value)?;
        tx.execute("UPDATE meta SET value = ?2 WHERE key = ?1", params![CANARY, anew])?;
    }
    Ok(RESEAL_BATCH - left + found.len())
}
