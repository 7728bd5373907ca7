//! The readers: threads with a connection each, for all that is looked up beside the writer.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::connection::open_reader;
use super::writer::panicked;
use crate::{Result, StoreError};

/// Lookups that may wait for a reader; who comes later waits to get in.
const READ_QUEUE_MAX: usize = 256;

/// Steps of SQLite's machine between two looks at the clock.
const STEPS_BETWEEN_LOOKS: i32 = 100_000;

pub(super) type Job = Box<dyn FnOnce(&Connection) + Send>;

/// The way to the readers' threads.
pub(super) struct Readers {
    lookups: Mutex<Option<mpsc::Sender<Job>>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    /// Where there are no threads: whoever wants something looked up does it.
    #[cfg(feature = "in-memory")]
    desk: Option<Mutex<super::in_memory::ReaderDesk>>,
}

impl Readers {
    /// Without threads: what is to be looked up is looked up by whoever wants it.
    #[cfg(feature = "in-memory")]
    pub(super) fn without_threads(connection: Arc<Mutex<Connection>>) -> Self {
        let (lookups, received) = mpsc::channel(READ_QUEUE_MAX);
        let desk = super::in_memory::ReaderDesk::new(connection, received);
        Self { lookups: Mutex::new(Some(lookups)), threads: Mutex::default(), desk: Some(Mutex::new(desk)) }
    }

    /// Threads whose look-ups are broken off after `look_up_max`, where there is such a limit.
    pub(super) fn start(path: &Path, count: usize, look_up_max: Option<Duration>) -> Result<Self> {
        let (lookups, received) = mpsc::channel(READ_QUEUE_MAX);
        let received = Arc::new(Mutex::new(received));
        let start_one = |number: usize| {
            let (mut connection, received) = (open_reader(path)?, received.clone());
            let deadline = Deadline::set_up(&mut connection, look_up_max)?;
            std::thread::Builder::new()
                .name(format!("bocau-store-reader-{number}"))
                .spawn(move || read_all(&connection, &received, &deadline))
                .map_err(|error| StoreError::Unavailable(format!("no thread for a reader: {error}")))
        };
        let threads = (0..count.max(1)).map(start_one).collect::<Result<Vec<_>>>()?;
        Ok(Self {
            lookups: Mutex::new(Some(lookups)),
            threads: Mutex::new(threads),
            #[cfg(feature = "in-memory")]
            desk: None,
        })
    }

    /// Runs a lookup on the first reader that is free.
    pub(super) async fn run<T, F>(&self, look_up: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T> + Send + 'static,
    {
        let lookups = self.lookups.lock().clone().ok_or(StoreError::Closed)?;
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            // Nobody waits for it any more: a client that has gone costs no reading.
            if answer.is_closed() {
                return;
            }
            let found = catch_unwind(AssertUnwindSafe(|| look_up(connection)));
            drop(answer.send(found.unwrap_or_else(|panic| Err(panicked(&*panic)))));
        });
        lookups.send(job).await.map_err(|_| StoreError::Closed)?;
        #[cfg(feature = "in-memory")]
        if let Some(desk) = &self.desk {
            desk.lock().look_up_waiting();
        }
        answered.await.map_err(|_| StoreError::Closed)?
    }

    /// Ends the threads after what they have taken is answered.
    pub(super) async fn close(&self) {
        self.lookups.lock().take();
        let threads = std::mem::take(&mut *self.threads.lock());
        let join_all = move || threads.into_iter().for_each(|thread| drop(thread.join()));
        drop(tokio::task::spawn_blocking(join_all).await);
    }
}

/// When the look-up that runs on a connection is broken off.
struct Deadline(Arc<Mutex<Option<Instant>>>);

impl Deadline {
    fn set_up(connection: &mut Connection, look_up_max: Option<Duration>) -> Result<Self> {
        let started: Arc<Mutex<Option<Instant>>> = Arc::default();
        if let Some(max) = look_up_max {
            let started = started.clone();
            let is_over = move || started.lock().is_some_and(|started| started.elapsed() > max);
            connection.progress_handler(STEPS_BETWEEN_LOOKS, Some(is_over))?;
        }
        Ok(Self(started))
    }

    #[expect(clippy::disallowed_methods, reason = "bounds the work of a real connection")]
    fn begin(&self) {
        *self.0.lock() = Some(Instant::now());
    }
}

fn read_all(connection: &Connection, lookups: &Mutex<mpsc::Receiver<Job>>, deadline: &Deadline) {
    loop {
        // One waits for a lookup, the others for their turn to wait.
        let next = lookups.lock().blocking_recv();
        let Some(look_up) = next else { return };
        deadline.begin();
        look_up(connection);
    }
}
