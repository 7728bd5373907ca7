//! The routes of `/api/v1`, one file per route: `v1/<resource>/<verb>.rs`. What a resource looks like on the
//! wire stands in its `view.rs`.

pub mod audit_log;
pub mod defaults;
pub mod deliveries;
pub mod event_types;
pub mod events;
pub mod inboxes;
pub mod keys;
pub mod live;
pub mod members;
pub mod nodes;
pub mod objects;
pub mod overview;
pub mod portal_links;
pub mod resends;
pub mod session;
pub mod stores;
pub mod webhooks;
pub mod words;

use std::fmt;

pub use crate::openapi::ProblemBody as ProblemRef;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Serialize, Serializer};
use utoipa::ToSchema;

use crate::problem::Problem;

/// One page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct PageView<T> {
    /// The rows.
    pub data: Vec<T>,
    /// Pass it as `cursor` for the next page; `null` on the last one.
    #[schema(required)]
    pub next_cursor: Option<String>,
}

/// A secret in an answer: whoever asked for it sees it, and no debug output does.
pub(crate) fn revealed<S: Serializer>(secret: &SecretString, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(secret.expose_secret())
}

/// A name with its value.
#[derive(Clone, Serialize, serde::Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HeaderView {
    /// The header's name.
    pub key: String,
    /// The header's value.
    pub value: String,
}

/// Without the value, which may be a password.
impl fmt::Debug for HeaderView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HeaderView").field("key", &self.key).finish_non_exhaustive()
    }
}

/// Runs a change to its end on a task of its own: a caller that hangs up half-way leaves nothing half done.
pub(crate) async fn to_the_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, Problem>> + Send + 'static,
) -> Result<T, Problem> {
    tokio::spawn(work).await.unwrap_or_else(|error| {
        tracing::error!(%error, "a change broke off");
        Err(Problem::internal())
    })
}

/// Takes one row more than a page has, and tells by it whether there is a next page.
pub(crate) fn page<T, V>(
    mut rows: Vec<T>,
    limit: usize,
    id: impl Fn(&T) -> String,
    view: impl Fn(T) -> V,
) -> PageView<V> {
    let has_more = rows.len() > limit;
    rows.truncate(limit);
    let next_cursor = has_more.then(|| rows.last().map(|last| crate::query::to_cursor(&id(last)))).flatten();
    PageView { data: rows.into_iter().map(view).collect(), next_cursor }
}
