//! The same store without a file and without threads, for simulations: one connection to a database in memory, and
//! whoever calls a verb does its work before going on. So what happens depends on the calls alone, and on nothing that
//! an operating system decides.
//!
//! It runs the writer's and the verbs' own code, and passes the suite that every backend passes.

use std::path::PathBuf;
use std::sync::Arc;

use bocau_domain::{AuditIds, Rng};
use parking_lot::Mutex;
use rusqlite::Connection;
use tokio::sync::mpsc;

use super::readers::{Job, Readers};
use super::tx::Tx;
use super::writer::{Message, Writer, write_waiting};
use super::{SqliteStore, connection, migrate};
use crate::Result;
use crate::seal::{MasterKey, Sealer};

impl SqliteStore {
    /// An empty store in memory. It lasts as long as this value: a process that "dies" is one that drops its other
    /// references to it.
    ///
    /// # Errors
    ///
    /// As [`SqliteStore::open`], though hardly ever: there is no file.
    pub fn in_memory(master_key: &MasterKey, rng: Arc<dyn Rng>) -> Result<Self> {
        let sealer = Arc::new(Sealer::new(master_key, rng));
        let mut connection = connection::open_in_memory()?;
        migrate::migrate(&mut connection)?;
        migrate::check_master_key(&connection, &sealer)?;
        let connection = Arc::new(Mutex::new(connection));
        Ok(Self {
            path: PathBuf::from(connection::IN_MEMORY),
            readers: Readers::without_threads(connection.clone()),
            urgent: Readers::without_threads(connection.clone()),
            writer: Writer::without_thread(connection, sealer.clone()),
            sealer,
            node: Mutex::default(),
        })
    }
}

/// What the writer's thread has, where there is none.
pub(super) struct WriterDesk {
    connection: Arc<Mutex<Connection>>,
    sealer: Arc<Sealer>,
    audit_ids: AuditIds,
    received: mpsc::Receiver<Message>,
}

impl WriterDesk {
    pub(super) fn new(
        connection: Arc<Mutex<Connection>>,
        sealer: Arc<Sealer>,
        received: mpsc::Receiver<Message>,
    ) -> Self {
        let audit_ids = AuditIds::new(sealer.rng());
        Self { connection, sealer, audit_ids, received }
    }

    pub(super) fn write_waiting(&mut self) {
        let Self { connection, sealer, audit_ids, received } = self;
        let connection = connection.lock();
        while let Ok(first) = received.try_recv() {
            write_waiting(first, received, &|| Tx::new(&connection, sealer, audit_ids));
        }
    }
}

/// What a reader's thread has, where there is none.
pub(super) struct ReaderDesk {
    connection: Arc<Mutex<Connection>>,
    received: mpsc::Receiver<Job>,
}

impl ReaderDesk {
    pub(super) fn new(connection: Arc<Mutex<Connection>>, received: mpsc::Receiver<Job>) -> Self {
        Self { connection, received }
    }

    pub(super) fn look_up_waiting(&mut self) {
        let connection = self.connection.lock();
        while let Ok(look_up) = self.received.try_recv() {
            look_up(&connection);
        }
    }
}
