//! `GET /stores/{store}/live`

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use bocau_domain::{DeliveryId, Scope, StoreId};
use bocau_engine::changes::Change;
use futures_util::{Stream, stream};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};

use crate::auth::Caller;
use crate::path::Path;
use crate::problem::Problem;
use crate::router::Api;
use crate::v1::ProblemRef;
use crate::v1::deliveries::view::DeliveryView;

/// How often a silent stream says that it is alive.
const PING_EVERY: Duration = Duration::from_secs(15);
/// Rows that one burst brings; where more have changed, the watcher is told to look at the list.
const ROWS_PER_BURST: usize = 50;

/// What is new in the store's report: `delivery` with the row (new or changed), `refresh` where more has
/// changed than is told one by one, a comment every 15 seconds. Ends when the server stops.
#[utoipa::path(get, path = "/stores/{store}/live", tag = "deliveries", params(("store" = String, Path, description = "The store's id")), responses(
    (status = 200, description = "Server-sent events.", body = String, content_type = "text/event-stream"),
    (status = "4XX", description = "Refused.", body = ProblemRef, content_type = "application/problem+json"),
))]
pub async fn watch_store(
    State(api): State<Api>,
    caller: Caller,
    Path(store): Path<String>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let store = caller.store(&store, Scope::Read)?;
    api.engine().store().find_store(&store).await?.ok_or_else(Problem::no_store)?;
    let changes = api.engine().watch_changes();
    let watch = Watch { api, store, changes, ready: Vec::new() };
    let events = stream::unfold(watch, |mut watch| async move {
        let event = watch.next().await?;
        Some((Ok(event), watch))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(PING_EVERY)))
}

struct Watch {
    api: Api,
    store: StoreId,
    changes: Receiver<Change>,
    /// What is to be told next, the last first.
    ready: Vec<Event>,
}

impl Watch {
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.ready.pop() {
                return Some(event);
            }
            let first = tokio::select! {
                change = self.changes.recv() => change,
                () = self.api.engine().stopping() => return None,
            };
            let mut rows = BTreeSet::new();
            match first {
                Ok(change) if change.store == self.store => {
                    rows.insert(change.delivery);
                }
                Ok(_) => continue,
                Err(RecvError::Lagged(_)) => return Some(refresh()),
                Err(RecvError::Closed) => return None,
            }
            if !self.gather(&mut rows) {
                return Some(refresh());
            }
            self.read(&rows).await;
        }
    }

    /// Takes what else has changed; `false` where it is too much to be told one by one.
    fn gather(&mut self, rows: &mut BTreeSet<DeliveryId>) -> bool {
        loop {
            match self.changes.try_recv() {
                Ok(change) if change.store == self.store => {
                    rows.insert(change.delivery);
                }
                Ok(_) => {}
                Err(TryRecvError::Lagged(_)) => return false,
                Err(TryRecvError::Empty | TryRecvError::Closed) => return rows.len() <= ROWS_PER_BURST,
            }
        }
    }

    async fn read(&mut self, rows: &BTreeSet<DeliveryId>) {
        // The oldest is told first, so it comes last here.
        for id in rows.iter().rev() {
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
