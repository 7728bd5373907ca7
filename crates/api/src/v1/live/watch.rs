//! `GET /stores/{store}/live`

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use bocau_domain::{DeliveryId, ResendJobId, Scope, StoreId};
use bocau_engine::changes::{Change, Changed};
use bocau_store::ResendJob;
use futures_util::{Stream, stream};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};

use crate::auth::Caller;
use crate::auth::notices::Notice;
use crate::path::Path;
use crate::problem::{Kind, Problem};
use crate::router::Api;
use crate::v1::ProblemRef;
use crate::v1::deliveries::view::DeliveryView;
use crate::v1::resends::view::ResendJobView;

/// How often a silent stream says that it is alive.
const PING_EVERY: Duration = Duration::from_secs(15);
/// How long a stream goes on at most after its session or key has ended, where nobody told.
pub const LOOK_AGAIN: Duration = Duration::from_secs(15);
/// Rows that one burst brings; where more have changed, the watcher is told to look at the list.
const ROWS_PER_BURST: usize = 50;

/// What is new in the store's report, as server-sent events (the event's name, then its JSON):
///
/// - `delivery`: a row that is new or has changed, as `GET /deliveries/{id}` answers it
/// - `resend`: a bulk resend and how far it is, as `GET /resends/{id}` answers it, at most four times a second
///   and at its end
/// - `refresh`, with `{}`: more has changed than is told one by one; read the list again
///
/// A comment comes every 15 seconds. The stream ends when the server stops, and at most 15 seconds after its
/// session or key has ended or reaches the store no more.
#[utoipa::path(get, path = "/stores/{store}/live", tag = "deliveries", params(
    ("store" = String, Path, description = "The store's id"),
    ("portal" = Option<u8>, Query, description = "`1` in a page inside another site: as the header `X-Bocau-Portal`, which a stream cannot send", minimum = 1, maximum = 1),
), responses(
    (status = 200, description = "Server-sent events.", body = String, content_type = "text/event-stream"),
    (status = "4XX", description = "Refused.", body = ProblemRef, content_type = "application/problem+json"),
))]
pub async fn watch_store(
    State(api): State<Api>,
    caller: Caller,
    Path(store): Path<String>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let store = caller.store(&store, Scope::Read)?;
    let (changes, notices) = (api.engine().watch_changes(), api.notices().listen());
    api.engine().store().find_store(&store).await?.ok_or_else(Problem::no_store)?;
    api.engine().say_watched(&store).await;
    let look_at = api.engine().clock().monotonic() + LOOK_AGAIN;
    let watch = Watch { api, caller, store, changes, notices, look_at, ready: Vec::new() };
    let events = stream::unfold(watch, |mut watch| async move {
        let event = watch.next().await?;
        Some((Ok(event), watch))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(PING_EVERY)))
}

struct Watch {
    api: Api,
    caller: Caller,
    store: StoreId,
    changes: Receiver<Change>,
    notices: Receiver<Notice>,
    /// When it is next looked whether the caller still may; monotonic.
    look_at: Duration,
    /// What is to be told next, the last first.
    ready: Vec<Event>,
}

/// What changed at once.
#[derive(Default)]
struct Burst {
    rows: BTreeSet<DeliveryId>,
    /// There are more rows than were told.
    is_more: bool,
    jobs: BTreeMap<ResendJobId, ResendJob>,
}

impl Burst {
    fn add(&mut self, what: Changed) {
        match what {
            Changed::Delivery(id) => {
                self.rows.insert(id);
            }
            Changed::Many => self.is_more = true,
            Changed::ResendJob(job) => {
                self.jobs.insert(job.id, *job);
            }
        }
    }
}

impl Watch {
    async fn next(&mut self) -> Option<Event> {
        loop {
            let now = self.api.engine().clock().monotonic();
            if now >= self.look_at {
                if !self.may_go_on().await {
                    return None;
                }
                self.look_at = now + LOOK_AGAIN;
                self.api.engine().say_watched(&self.store).await;
            }
            if let Some(event) = self.ready.pop() {
                return Some(event);
            }
            let clock = self.api.engine().clock().clone();
            let first = tokio::select! {
                change = self.changes.recv() => change,
                notice = self.notices.recv() => {
                    if notice.map_or(true, |notice| self.is_meant_by(&notice)) {
                        self.look_at = Duration::ZERO;
                    }
                    continue;
                }
                () = clock.sleep(self.look_at.saturating_sub(now)) => continue,
                () = self.api.engine().stopping() => return None,
            };
            let mut burst = Burst::default();
            match first {
                Ok(change) if change.store == self.store => burst.add(change.what),
                Ok(_) => continue,
                Err(RecvError::Lagged(_)) => return Some(refresh()),
                Err(RecvError::Closed) => return None,
            }
            if !self.gather(&mut burst) || burst.is_more {
                burst.rows.clear();
                self.ready.push(refresh());
            }
            self.read(burst).await;
        }
    }

    fn is_meant_by(&self, notice: &Notice) -> bool {
        match notice {
            Notice::Store(store) => *store == self.store,
            other => self.caller.is_meant_by(other),
        }
    }

    /// Whether whoever watches still may. A database that does not say ends no stream before its time.
    async fn may_go_on(&mut self) -> bool {
        let engine = self.api.engine();
        match self.caller.anew(&self.api).await {
            Ok(caller) => self.caller = caller,
            Err(problem) if problem.kind == Kind::Unauthorized => return false,
            Err(_) => return !self.caller.is_over(engine.clock().now()),
        }
        self.caller.store(self.store.as_str(), Scope::Read).is_ok()
            && !matches!(engine.store().find_store(&self.store).await, Ok(None))
    }

    /// Takes what else has changed; `false` where the rows are too many to be told one by one.
    fn gather(&mut self, burst: &mut Burst) -> bool {
        loop {
            match self.changes.try_recv() {
                Ok(change) if change.store == self.store => burst.add(change.what),
                Ok(_) => {}
                Err(TryRecvError::Lagged(_)) => return false,
                Err(TryRecvError::Empty | TryRecvError::Closed) => return burst.rows.len() <= ROWS_PER_BURST,
            }
        }
    }

    async fn read(&mut self, burst: Burst) {
        for (_, job) in burst.jobs {
            self.ready.extend(Event::default().event("resend").json_data(ResendJobView::from(job)));
        }
        // The oldest is told first, so it comes last here.
        for id in burst.rows.iter().rev() {
            match self.api.engine().store().find_delivery(&self.store, *id).await {
                Ok(Some(row)) => {
                    let event = Event::default().event("delivery").json_data(DeliveryView::from(row));
                    self.ready.extend(event);
                }
                Ok(None) => {}
                Err(_) => self.ready.push(refresh()),
            }
        }
    }
}

fn refresh() -> Event {
    Event::default().event("refresh").data("{}")
}
