//! Checkpoints: carries what the write-ahead log has over into the database's file, beside the writer.
//!
//! Done by the writer itself, every commit that waits behind a checkpoint waits for its two syncs. Here a thread of its
//! own, woken by the writer's commits as the log grows, carries over most of it. The log can only begin anew when all of
//! it is carried over, and under load something has always come since: so once the log is long, the writer carries
//! over the little that came during the thread's last pass.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use parking_lot::Mutex;
use rusqlite::Connection;

use super::connection::open_checkpointer;
use crate::{Result, StoreError};

/// Pages of the log between two passes: rare enough that the pages at the right edge of each tree are carried over once
/// for many commits.
const STEP_PAGES: u32 = 4_000;
/// Pages from which the log is to begin anew, which bounds it to about twice as many.
const LONG_PAGES: u32 = 8_000;

/// The way to the thread.
pub(super) struct Checkpointer {
    thread: Mutex<Option<JoinHandle<()>>>,
    stop: Arc<AtomicBool>,
    wake: SyncSender<u32>,
}

impl Checkpointer {
    /// Starts the thread, and has the writer's commits wake it.
    pub(super) fn start(path: &Path, writer: &mut Connection) -> Result<Self> {
        let connection = open_checkpointer(path)?;
        // One wake-up may wait: a pass takes all that there is when it begins.
        let (wake, woken) = sync_channel(1);
        let (stop, nearly_all) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let (stopped, done) = (stop.clone(), nearly_all.clone());
        let thread = std::thread::Builder::new()
            .name("bocau-store-checkpoint".into())
            .spawn(move || carry_over(&connection, &woken, &stopped, &done))
            .map_err(|error| StoreError::Unavailable(format!("no thread for checkpoints: {error}")))?;
        let commits = wake.clone();
        let mut asked_at = 0;
        let committed = move |log: &mut rusqlite::hooks::Wal, pages: i32| {
            let pages = pages.unsigned_abs();
            if pages < asked_at {
                // The log began anew.
                asked_at = 0;
            }
            if pages >= LONG_PAGES && nearly_all.swap(false, Ordering::Acquire) {
                // Whatever stands in the way of it stands in the way of no commit.
                let _ = log.checkpoint();
            }
            if pages >= asked_at + STEP_PAGES && commits.try_send(pages).is_ok() {
                asked_at = pages;
            }
            Ok(())
        };
        writer.wal_hook(Some(committed))?;
        Ok(Self { thread: Mutex::new(Some(thread)), stop, wake })
    }

    /// Ends the thread, after the pass that it is at.
    pub(super) async fn close(&self) {
        self.stop.store(true, Ordering::Release);
        // Where it is full, the thread is about to look anyway.
        let _ = self.wake.try_send(0);
        let thread = self.thread.lock().take();
        if let Some(thread) = thread {
            drop(tokio::task::spawn_blocking(move || thread.join()).await);
        }
    }
}

/// Makes a pass whenever it is woken, and says when little is left of a long log.
fn carry_over(connection: &Connection, woken: &Receiver<u32>, stop: &AtomicBool, nearly_all: &AtomicBool) {
    while let Ok(pages) = woken.recv()
        && !stop.load(Ordering::Acquire)
    {
        match connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| row.get::<_, i64>(0)) {
            Ok(0) => nearly_all.store(pages >= LONG_PAGES, Ordering::Release),
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(%error, "the write-ahead log cannot be carried over; it grows meanwhile");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::connection::{create_file, open_writer};

    /// Pages that one commit of the test adds, at least.
    const PAGES: u32 = 1_000;

    #[tokio::test]
    async fn the_log_begins_anew_while_commits_go_on() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("bocau.db");
        create_file(&path).expect("made");
        let mut connection = open_writer(&path).expect("opens");
        connection.execute_batch("CREATE TABLE t (filling BLOB)").expect("makes a table");
        let checkpointer = Checkpointer::start(&path, &mut connection).expect("starts");
        let log = || std::fs::metadata(dir.path().join("bocau.db-wal")).expect("there is a log").len();
        let commit = |count: u32| {
            for _ in 0..count {
                let sql = "INSERT INTO t VALUES (zeroblob(?1))";
                connection.execute(sql, [i64::from(PAGES) * 4_096]).expect("writes");
            }
        };
        // Far more than a log may have, were it never to begin anew.
        commit(20 * LONG_PAGES / PAGES);
        let bytes = log();
        assert!(bytes < u64::from(10 * LONG_PAGES) * 4_096, "{bytes}");
        checkpointer.close().await;
        commit(2);
        let rows: u32 = connection.query_row("SELECT count(*) FROM t", [], |row| row.get(0)).expect("counts");
        assert_eq!(rows, 20 * LONG_PAGES / PAGES + 2);
        assert!(connection.query_row("PRAGMA integrity_check", [], |row| row.get::<_, String>(0)).is_ok());
    }
}
