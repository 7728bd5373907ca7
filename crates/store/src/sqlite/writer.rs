//! The writer: one thread, one connection, one transaction for all that waits.
//!
//! The thread takes everything that has arrived while the last commit ran, runs it in one transaction,
//! commits, then answers each: no timer, so a lone command waits for nothing and a flood shares its fsync.
//! A command has one or more parts (the submissions of an append, say). Where a part fails, the whole
//! transaction is rolled back and run again with a savepoint for each part, so that only the culprit gets
//! the error; the common case pays for no savepoints. A commit that fails fails for all.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;

use bocau_domain::AuditIds;
use parking_lot::Mutex;
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::tx::Tx;
use crate::seal::Sealer;
use crate::{Result, StoreError};

/// Commands that may wait for the writer; who comes later waits to get in.
const WRITE_QUEUE_MAX: usize = 1_024;
/// Parts that one transaction takes, give or take the last command.
const GROUP_PARTS_MAX: usize = 2_000;
/// Bytes of payload that one transaction takes, give or take the last command.
const GROUP_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Commits of few parts, one after the other, before the log is carried over. A flood has the log grow long
/// (`CHECKPOINT_PAGES`), since pages that many commits change are copied once, and pauses for it now and then; where
/// events come one by one, that pause is cut into short ones.
const LONE_COMMITS_BETWEEN_CARRYING: u32 = 64;
/// As many parts as a commit has that nobody shares: a lone event with its deliveries, or a result or two.
const LONE_PARTS_MAX: usize = 4;

/// Transactions that fail one after the other before the log is carried over once more: publishers come many a time
/// while a disk is full.
const FAILURES_BETWEEN_CARRYING: u32 = 64;

/// Something to be written. It can be run again: its first run may be rolled back.
pub(super) trait Command: Send {
    fn parts(&self) -> usize;
    fn bytes(&self) -> usize;
    fn run(&mut self, part: usize, tx: &Tx<'_>) -> Result<()>;
    fn fail(&mut self, part: usize, error: StoreError);
    /// Tells the caller; an error is that of the whole transaction.
    fn answer(self: Box<Self>, committed: Result<()>);
}

struct Parts<I, T, F> {
    inputs: Vec<I>,
    bytes: usize,
    verb: F,
    results: Vec<Result<T>>,
    answer: oneshot::Sender<Vec<Result<T>>>,
}

impl<I, T, F> Command for Parts<I, T, F>
where
    I: Send,
    T: Send,
    F: FnMut(&Tx<'_>, &I) -> Result<T> + Send,
{
    fn parts(&self) -> usize {
        self.inputs.len()
    }

    fn bytes(&self) -> usize {
        self.bytes
    }

    fn run(&mut self, part: usize, tx: &Tx<'_>) -> Result<()> {
        self.results[part] = Ok((self.verb)(tx, &self.inputs[part])?);
        Ok(())
    }

    fn fail(&mut self, part: usize, error: StoreError) {
        self.results[part] = Err(error);
    }

    fn answer(mut self: Box<Self>, committed: Result<()>) {
        if let Err(error) = committed {
            self.results.fill_with(|| Err(error.clone()));
        }
        // Who has gone away meanwhile does not need it.
        drop(self.answer.send(self.results));
    }
}

pub(super) enum Message {
    Write(Box<dyn Command>),
    Close,
}

/// The way to the writer's thread.
pub(super) struct Writer {
    messages: mpsc::Sender<Message>,
    thread: Mutex<Option<JoinHandle<()>>>,
    /// Where there is no thread: whoever wants something written does it.
    #[cfg(feature = "in-memory")]
    desk: Option<Mutex<super::in_memory::WriterDesk>>,
}

impl Writer {
    pub(super) fn start(connection: Connection, sealer: Arc<Sealer>) -> Result<Self> {
        let (messages, received) = mpsc::channel(WRITE_QUEUE_MAX);
        let thread = std::thread::Builder::new()
            .name("bocau-store-writer".into())
            .spawn(move || write_all(&connection, &sealer, received))
            .map_err(|error| StoreError::Unavailable(format!("no thread for the writer: {error}")))?;
        Ok(Self {
            messages,
            thread: Mutex::new(Some(thread)),
            #[cfg(feature = "in-memory")]
            desk: None,
        })
    }

    /// Without a thread: what is to be written is written by whoever wants it, before they go on.
    #[cfg(feature = "in-memory")]
    pub(super) fn without_thread(connection: Arc<Mutex<Connection>>, sealer: Arc<Sealer>) -> Self {
        let (messages, received) = mpsc::channel(WRITE_QUEUE_MAX);
        let desk = super::in_memory::WriterDesk::new(connection, sealer, received);
        Self { messages, thread: Mutex::default(), desk: Some(Mutex::new(desk)) }
    }

    /// Runs a verb as one part.
    pub(super) async fn run<T, F>(&self, mut verb: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnMut(&Tx<'_>) -> Result<T> + Send + 'static,
    {
        let mut results = self.run_each(vec![()], 0, move |tx, ()| verb(tx)).await;
        results.pop().unwrap_or(Err(StoreError::Closed))
    }

    /// Runs a verb once for each input, all in one transaction, each a part of its own. `bytes` is about
    /// how much they write.
    pub(super) async fn run_each<I, T, F>(&self, inputs: Vec<I>, bytes: usize, verb: F) -> Vec<Result<T>>
    where
        I: Send + 'static,
        T: Send + 'static,
        F: FnMut(&Tx<'_>, &I) -> Result<T> + Send + 'static,
    {
        let count = inputs.len();
        let closed = || (0..count).map(|_| Err(StoreError::Closed)).collect::<Vec<_>>();
        let (answer, answered) = oneshot::channel();
        let command = Parts { inputs, bytes, verb, results: closed(), answer };
        if self.messages.send(Message::Write(Box::new(command))).await.is_err() {
            return closed();
        }
        #[cfg(feature = "in-memory")]
        self.write_here();
        answered.await.unwrap_or_else(|_| closed())
    }

    #[cfg(feature = "in-memory")]
    fn write_here(&self) {
        if let Some(desk) = &self.desk {
            desk.lock().write_waiting();
        }
    }

    /// Ends the thread after what it has taken is durable.
    pub(super) async fn close(&self) {
        drop(self.messages.send(Message::Close).await);
        #[cfg(feature = "in-memory")]
        self.write_here();
        self.messages.closed().await;
        let thread = self.thread.lock().take();
        if let Some(thread) = thread {
            // The last commit and the closing of the file may take a while.
            drop(tokio::task::spawn_blocking(move || thread.join()).await);
        }
    }
}

fn write_all(connection: &Connection, sealer: &Sealer, mut messages: mpsc::Receiver<Message>) {
    let audit_ids = AuditIds::new(sealer.rng());
    let (mut failures, mut lone) = (0_u32, 0_u32);
    while let Some(first) = messages.blocking_recv() {
        match write_waiting(first, &mut messages, &|| Tx::new(connection, sealer, &audit_ids)) {
            Written::Taken { parts } => {
                failures = 0;
                lone = if parts <= LONE_PARTS_MAX { lone + 1 } else { 0 };
                if lone == LONE_COMMITS_BETWEEN_CARRYING {
                    carry_log_over(connection);
                    lone = 0;
                }
            }
            Written::Refused => {
                if failures.is_multiple_of(FAILURES_BETWEEN_CARRYING) {
                    carry_log_over(connection);
                }
                failures = failures.wrapping_add(1);
            }
        }
    }
}

/// Carries the log over into the file, without waiting for readers; then it can be written anew from its beginning. Of a
/// disk that is full, the log may be what fills it, and most of its pages have their place in the file already.
fn carry_log_over(connection: &Connection) {
    let carried = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
    if let Err(error) = carried {
        tracing::debug!(%error, "the log could not be carried over either");
    }
}

/// What became of a transaction.
pub(super) enum Written {
    /// The database took it.
    Taken { parts: usize },
    /// The database is full, or away.
    Refused,
}

/// Writes all that has arrived in one transaction, and answers each.
pub(super) fn write_waiting<'c>(
    first: Message,
    messages: &mut mpsc::Receiver<Message>,
    begin: &dyn Fn() -> Tx<'c>,
) -> Written {
    let mut group = Group::default();
    group.take(first);
    while group.has_room()
        && let Ok(next) = messages.try_recv()
    {
        group.take(next);
    }
    if group.closes {
        messages.close();
    }
    group.write(begin)
}

#[derive(Default)]
struct Group {
    commands: Vec<Box<dyn Command>>,
    parts: usize,
    bytes: usize,
    closes: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum Pass {
    /// As if nothing ever failed.
    Straight,
    /// A savepoint for each part.
    Guarded,
}

impl Group {
    fn take(&mut self, message: Message) {
        match message {
            Message::Write(command) => {
                self.parts += command.parts();
                self.bytes += command.bytes();
                self.commands.push(command);
            }
            Message::Close => self.closes = true,
        }
    }

    fn has_room(&self) -> bool {
        self.parts < GROUP_PARTS_MAX && self.bytes < GROUP_BYTES_MAX && !self.closes
    }

    fn write<'c>(mut self, begin: &dyn Fn() -> Tx<'c>) -> Written {
        if self.commands.is_empty() {
            return Written::Taken { parts: 0 };
        }
        let committed = match self.pass(&begin(), Pass::Straight) {
            // No part is to blame for a full disk; and where there is one part, we know the culprit.
            Err(error) if self.parts > 1 && !matches!(error, StoreError::Unavailable(_)) => {
                self.pass(&begin(), Pass::Guarded)
            }
            end => end,
        };
        for command in self.commands {
            command.answer(committed.clone());
        }
        match committed {
            Err(StoreError::Unavailable(_)) => Written::Refused,
            _ => Written::Taken { parts: self.parts },
        }
    }

    fn pass(&mut self, tx: &Tx<'_>, pass: Pass) -> Result<()> {
        let connection = tx.connection;
        // A transaction that could not even be rolled back the last time.
        roll_back(connection);
        connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        let mut run = || -> Result<()> {
            for command in &mut self.commands {
                for part in 0..command.parts() {
                    match pass {
                        Pass::Straight => run_part(command.as_mut(), part, tx)?,
                        Pass::Guarded => run_guarded(command.as_mut(), part, tx)?,
                    }
                }
            }
            tx.write_tally()?;
            // Whatever stops a commit, no part is to blame for it.
            connection.prepare_cached("COMMIT")?.execute([]).map_err(|error| {
                match StoreError::from(error) {
                    StoreError::Refused(text) => StoreError::Unavailable(text),
                    error => error,
                }
            })?;
            Ok(())
        };
        let end = run();
        if end.is_err() {
            roll_back(connection);
        }
        end
    }
}

/// A panic costs the part that it happens in, never the store.
fn run_part(command: &mut dyn Command, part: usize, tx: &Tx<'_>) -> Result<()> {
    catch_unwind(AssertUnwindSafe(|| command.run(part, tx))).unwrap_or_else(|panic| Err(panicked(&*panic)))
}

fn run_guarded(command: &mut dyn Command, part: usize, tx: &Tx<'_>) -> Result<()> {
    tx.execute("SAVEPOINT part", [])?;
    match run_part(command, part, tx).and_then(|()| tx.write_tally()) {
        Ok(()) => {}
        Err(error @ StoreError::Unavailable(_)) => return Err(error),
        // SQLite ends the transaction by itself on the worst errors; what ran before is gone too.
        Err(error) if tx.connection.is_autocommit() => {
            return Err(StoreError::Unavailable(format!("the transaction was rolled back: {error}")));
        }
        Err(error) => {
            tx.execute("ROLLBACK TO part", [])?;
            tx.forget_all();
            command.fail(part, error);
        }
    }
    tx.execute("RELEASE part", [])?;
    Ok(())
}

fn roll_back(connection: &Connection) {
    if !connection.is_autocommit()
        && let Err(error) = connection.execute_batch("ROLLBACK")
    {
        tracing::error!(%error, "a transaction could not be rolled back");
    }
}

/// The error of a verb that panicked.
pub(super) fn panicked(panic: &(dyn std::any::Any + Send)) -> StoreError {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no text");
    tracing::error!(panic = text, "a verb of the store panicked; its transaction is rolled back");
    StoreError::Refused(format!("a defect of the store: {text}"))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::conformance::world::Dice;
    use crate::seal::MasterKey;
    use crate::sqlite::rows::{first, only};

    fn writer() -> Writer {
        let connection = Connection::open_in_memory().expect("opens");
        connection.execute_batch("CREATE TABLE t (n INTEGER, filling BLOB)").expect("makes a table");
        Writer::start(connection, Arc::new(sealer())).expect("starts")
    }

    fn sealer() -> Sealer {
        let dice = Arc::new(Dice::new(1));
        Sealer::new(&MasterKey::generate(&*dice), dice)
    }

    fn insert(tx: &Tx<'_>, n: i64) -> Result<()> {
        tx.execute("INSERT INTO t (n) VALUES (?1)", [n]).map(drop)
    }

    async fn count(writer: &Writer) -> Option<i64> {
        writer.run(|tx| first(tx.connection, "SELECT COUNT(*) FROM t", [], only)).await.expect("counts")
    }

    #[tokio::test]
    async fn a_panic_costs_the_part_that_it_happens_in_and_nothing_else() {
        let writer = writer();
        let answers = writer
            .run_each(vec![1, 2, 3], 0, |tx, n| {
                insert(tx, *n)?;
                assert_ne!(*n, 2, "a defect");
                Ok(*n)
            })
            .await;
        assert!(matches!(answers[..], [Ok(1), Err(StoreError::Refused(_)), Ok(3)]), "{answers:?}");
        assert_eq!(count(&writer).await, Some(2));
        let alone = writer.run(|tx| insert(tx, 4).map(|()| panic!("a defect"))).await;
        assert!(matches!(alone, Err::<(), _>(StoreError::Refused(_))), "{alone:?}");
        assert_eq!(count(&writer).await, Some(2));
    }

    #[tokio::test]
    async fn a_full_disk_is_unavailable_for_all_and_passes() {
        let writer = writer();
        let limit = |pages: i64| {
            writer.run(move |tx| {
                first(tx.connection, &format!("PRAGMA max_page_count = {pages}"), [], only::<i64>).map(drop)
            })
        };
        let fill = || {
            writer.run_each(vec![10, 100_000, 10], 0, |tx, bytes: &i64| {
                tx.execute("INSERT INTO t (filling) VALUES (zeroblob(?1))", [bytes]).map(drop)
            })
        };
        limit(10).await.expect("sets");
        let answers = fill().await;
        assert!(
            answers.iter().all(|answer| matches!(answer, Err(StoreError::Unavailable(_)))),
            "{answers:?}"
        );
        assert_eq!(count(&writer).await, Some(0));
        limit(1_000).await.expect("sets");
        assert!(fill().await.iter().all(Result::is_ok));
        assert_eq!(count(&writer).await, Some(3));
    }

    #[tokio::test]
    async fn a_commit_that_fails_fails_for_all_and_writes_nothing() {
        let mut connection = Connection::open_in_memory().expect("opens");
        connection.execute_batch("CREATE TABLE t (n INTEGER, filling BLOB)").expect("makes a table");
        let fails = Arc::new(AtomicUsize::new(1));
        let hook = move || {
            fails.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
        };
        connection.commit_hook(Some(hook)).expect("sets a hook");
        let writer = Writer::start(connection, Arc::new(sealer())).expect("starts");
        let answers = writer.run_each(vec![1, 2], 0, |tx, n| insert(tx, *n)).await;
        assert!(
            answers.iter().all(|answer| matches!(answer, Err(StoreError::Unavailable(_)))),
            "{answers:?}"
        );
        assert_eq!(count(&writer).await, Some(0));
        writer.run(|tx| insert(tx, 3)).await.expect("goes on");
        assert_eq!(count(&writer).await, Some(1));
    }

    #[tokio::test]
    async fn the_log_stays_short_where_events_come_one_by_one() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("bocau.db");
        crate::sqlite::connection::create_file(&path).expect("made");
        let connection = crate::sqlite::connection::open_writer(&path).expect("opens");
        connection.execute_batch("CREATE TABLE t (n INTEGER, filling BLOB)").expect("makes a table");
        let writer = Writer::start(connection, Arc::new(sealer())).expect("starts");
        let log = path.with_extension("db-wal");
        let mut longest = 0;
        for n in 0..400 {
            writer.run(move |tx| insert(tx, n)).await.expect("writes");
            longest = longest.max(std::fs::metadata(&log).expect("a log").len());
        }
        // Two pages of 4 KiB for each of the commits between.
        assert!(longest < 2 * 4_200 * u64::from(LONE_COMMITS_BETWEEN_CARRYING), "{longest} bytes");
        writer.close().await;
    }

    #[tokio::test]
    async fn what_has_arrived_is_written_in_one_transaction() {
        let mut connection = Connection::open_in_memory().expect("opens");
        connection.execute_batch("CREATE TABLE t (n INTEGER, filling BLOB)").expect("makes a table");
        let commits = Arc::new(AtomicUsize::new(0));
        let counted = commits.clone();
        connection
            .commit_hook(Some(move || {
                counted.fetch_add(1, Ordering::Relaxed);
                false
            }))
            .expect("sets a hook");
        let (messages, received) = mpsc::channel(WRITE_QUEUE_MAX);
        let writer = Writer {
            messages,
            thread: Mutex::new(None),
            #[cfg(feature = "in-memory")]
            desk: None,
        };
        let (one, two, rest, _) = tokio::join!(
            writer.run(|tx| insert(tx, 1)),
            writer.run(|tx| insert(tx, 2)),
            writer.run_each(vec![3, 4], 0, |tx, n| insert(tx, *n)),
            // The writer begins when all have arrived.
            async { std::thread::spawn(move || write_all(&connection, &sealer(), received)) },
        );
        assert!(one.is_ok() && two.is_ok() && rest.iter().all(Result::is_ok));
        assert_eq!(commits.load(Ordering::Relaxed), 1);
    }
}
