//! One of several databases, watched. While it does not answer, whatever is asked of it fails at once, and what
//! was being asked ends: nobody waits for a server that is gone or hangs.

use std::fmt;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use bocau_domain::AuditIds;
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::task::AbortHandle;

use super::directory::Directory;
use crate::postgres::{HOME, PostgresOptions, PostgresStore, PostgresUrl, Pulse};
use crate::{Result, StoreError};

/// Between two signs of life.
const BEAT_EVERY: Duration = Duration::from_secs(2);
/// Before a database that is gone is looked for again.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

/// How a database is.
#[derive(Clone)]
pub(super) enum State {
    /// It answers.
    Up(Arc<PostgresStore>),
    /// It does not, for this reason; opened before, or not yet.
    Down(Option<Arc<PostgresStore>>, String),
}

/// One of the databases.
pub(super) struct Part {
    /// Empty where there is no other.
    name: String,
    url: PostgresUrl,
    state: watch::Sender<State>,
    watching: Mutex<Option<AbortHandle>>,
    /// Hears the notices of the home.
    directory: OnceLock<Weak<Directory>>,
}

/// Asks a database something, for as long as it answers: `$verb` is a future of a `Result`.
macro_rules! ask {
    ($part:expr, |$db:ident| $verb:expr) => {
        match $part.reach() {
            Err(error) => Err(error),
            Ok(($db, mut state)) => tokio::select! {
                answer = $verb => answer,
                error = $part.gone(&mut state) => Err(error),
            },
        }
    };
}
pub(super) use ask;

impl Part {
    /// Opens the home, which must answer; with its id.
    pub(super) async fn open_home(
        options: PostgresOptions,
        audit_ids: Arc<AuditIds>,
    ) -> Result<(Arc<Self>, String)> {
        let url = options.url.clone();
        let store = PostgresStore::open_with(options, audit_ids).await?;
        let id = store.become_home().await?;
        let part = Self::new(HOME.to_owned(), url, State::Up(Arc::new(store)));
        part.watch(None);
        Ok((part, id))
    }

    /// Opens a database that no others belong to, which must answer.
    pub(super) async fn open_alone(options: PostgresOptions) -> Result<Arc<Self>> {
        let url = options.url.clone();
        let store = PostgresStore::open(options).await?;
        store.check_alone().await?;
        let part = Self::new(String::new(), url, State::Up(Arc::new(store)));
        part.watch(None);
        Ok(part)
    }

    /// Opens a shard, at once where it answers and else when it does.
    pub(super) async fn open_shard(opening: Opening) -> Result<Arc<Self>> {
        let (name, url) = (opening.name.clone(), opening.options.url.clone());
        let first = match Pulse::find(&url).await {
            Ok(_) => opening.open().await,
            Err(error) => Err(error),
        };
        let state = match first {
            Ok(store) => State::Up(store),
            Err(error @ StoreError::Unavailable(_)) => {
                tracing::error!(shard = name, %error, "a shard does not answer; its stores wait for it");
                State::Down(None, error.to_string())
            }
            Err(StoreError::Refused(why)) => {
                return Err(StoreError::Refused(format!("the shard {name}: {why}")));
            }
            Err(error) => return Err(error),
        };
        let part = Self::new(name, url, state);
        part.watch(Some(opening));
        Ok(part)
    }

    fn new(name: String, url: PostgresUrl, state: State) -> Arc<Self> {
        Arc::new(Self {
            name,
            url,
            state: watch::Sender::new(state),
            watching: Mutex::new(None),
            directory: OnceLock::new(),
        })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Without its password.
    pub(super) fn url(&self) -> &PostgresUrl {
        &self.url
    }

    /// Why it does not work; `None` where it does.
    pub(super) fn problem(&self) -> Option<String> {
        match &*self.state.borrow() {
            State::Up(_) => None,
            State::Down(_, why) => Some(why.clone()),
        }
    }

    /// The directory hears what is told in this database.
    pub(super) fn heard_by(&self, directory: &Arc<Directory>) {
        let _ = self.directory.set(Arc::downgrade(directory));
    }

    pub(super) fn directory(&self) -> Option<Arc<Directory>> {
        self.directory.get().and_then(Weak::upgrade)
    }

    /// The database, where it answers.
    pub(super) fn open_store(&self) -> Result<Arc<PostgresStore>> {
        match &*self.state.borrow() {
            State::Up(store) => Ok(store.clone()),
            State::Down(_, why) => Err(self.silent(why)),
        }
    }

    /// The database and how it goes on, for [`ask`].
    pub(super) fn reach(&self) -> Result<(Arc<PostgresStore>, watch::Receiver<State>)> {
        let state = self.state.subscribe();
        Ok((self.open_store()?, state))
    }

    /// Ends when the database does not answer any more, with the error for whoever asked it.
    pub(super) async fn gone(&self, state: &mut watch::Receiver<State>) -> StoreError {
        let is_down = |state: &State| matches!(state, State::Down(..));
        if let Ok(state) = state.wait_for(is_down).await
            && let State::Down(_, why) = &*state
        {
            return self.silent(why);
        }
        StoreError::Closed
    }

    fn silent(&self, why: &str) -> StoreError {
        let name = if self.name.is_empty() { String::new() } else { format!(" {}", self.name) };
        StoreError::Unavailable(format!("the database{name} does not answer: {why}"))
    }

    fn watch(self: &Arc<Self>, opening: Option<Opening>) {
        let watching = tokio::spawn(watch(Arc::downgrade(self), self.url.clone(), opening));
        *self.watching.lock() = Some(watching.abort_handle());
    }

    /// Notes how it is; answers whether that is news.
    fn note(&self, found: std::result::Result<Option<Arc<PostgresStore>>, String>) {
        self.state.send_if_modified(|state| {
            let next = match (&*state, found) {
                (State::Up(_), Ok(_)) | (State::Down(None, _), Ok(None)) => return false,
                (State::Down(Some(store), _), Ok(_)) => {
                    // Whatever stood between here and there may have forgotten those that stand.
                    store.forget_connections();
                    State::Up(store.clone())
                }
                (State::Down(None, _), Ok(Some(store))) => State::Up(store),
                (State::Up(store), Err(why)) => State::Down(Some(store.clone()), why),
                (State::Down(store, _), Err(why)) => State::Down(store.clone(), why),
            };
            match &next {
                State::Up(_) => tracing::info!(shard = self.name, "the database answers again"),
                State::Down(_, why) if matches!(state, State::Up(_)) => {
                    tracing::warn!(
                        shard = self.name,
                        why,
                        "the database does not answer; its stores wait for it"
                    );
                }
                State::Down(..) => {}
            }
            *state = next;
            true
        });
    }

    fn needs_opening(&self) -> bool {
        matches!(&*self.state.borrow(), State::Down(None, _))
    }

    /// Closes it after what it has taken is durable.
    pub(super) async fn close(&self) {
        let store = match &*self.state.borrow() {
            State::Up(store) => Some(store.clone()),
            State::Down(store, _) => store.clone(),
        };
        if let Some(store) = store {
            crate::Store::close(&*store).await;
        }
        if let Some(watching) = self.watching.lock().take() {
            watching.abort();
        }
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if let Some(watching) = self.watching.lock().take() {
            watching.abort();
        }
    }
}

impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Part").field("name", &self.name).field("url", &self.url).finish_non_exhaustive()
    }
}

/// What opens a shard.
pub(super) struct Opening {
    pub(super) name: String,
    pub(super) options: PostgresOptions,
    pub(super) home_id: String,
    pub(super) audit_ids: Arc<AuditIds>,
}

impl Opening {
    async fn open(&self) -> Result<Arc<PostgresStore>> {
        let store = PostgresStore::open_with(self.options.clone(), self.audit_ids.clone()).await?;
        store.become_shard(&self.home_id, &self.name).await?;
        Ok(Arc::new(store))
    }
}

/// Notes how the database is, for as long as somebody wants to know.
async fn watch(part: Weak<Part>, url: PostgresUrl, opening: Option<Opening>) {
    loop {
        let why = match Pulse::find(&url).await {
            Ok(pulse) => match listen(&part, &pulse, opening.as_ref()).await {
                Some(error) => error,
                None => return,
            },
            Err(error) => error,
        };
        match part.upgrade() {
            Some(part) => part.note(Err(why.to_string())),
            None => return,
        }
        pause(AGAIN_AFTER).await;
    }
}

/// Listens to the pulse until it stops, and says why; `None` where nobody wants to know any more.
async fn listen(part: &Weak<Part>, pulse: &Pulse, opening: Option<&Opening>) -> Option<StoreError> {
    loop {
        if let Err(error) = pulse.beat().await {
            return Some(error);
        }
        let needs_opening = part.upgrade()?.needs_opening();
        let opened = match opening {
            Some(opening) if needs_opening => match opening.open().await {
                Ok(store) => Some(store),
                Err(error) => return Some(error),
            },
            _ => None,
        };
        part.upgrade()?.note(Ok(opened));
        pause(BEAT_EVERY).await;
    }
}

#[expect(clippy::disallowed_methods, reason = "watches over a real connection")]
async fn pause(span: Duration) {
    tokio::time::sleep(span).await;
}
