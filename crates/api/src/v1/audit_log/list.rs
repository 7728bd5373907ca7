//! `GET /audit-log`

use axum::Json;
use axum::extract::State;
use bocau_domain::{AuditId, Scope};
use bocau_store::Page;
use serde::Deserialize;
use utoipa::IntoParams;

use super::view::AuditEntryView;
use crate::auth::Caller;
use crate::problem::Problem;
use crate::query::{Query, from_cursor, invalid, limit};
use crate::router::Api;
use crate::v1::{PageView, ProblemRef, page};

/// Which lines.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Params {
    /// Of this store. Only an admin or a platform key may leave it out, and gets all lines.
    store_id: Option<String>,
    /// Rows of the page: 1 to 200.
    #[param(default = 50, minimum = 1, maximum = 200)]
    limit: Option<usize>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Who changed what, newest first. Needs `manage`.
#[utoipa::path(get, path = "/audit-log", tag = "audit log", params(Params), responses(
    (status = 200, description = "A page of the log.", body = PageView<AuditEntryView>),
    (status = "4XX", description = "Refused.", body = ProblemRef, content_type = "application/problem+json"),
))]
pub async fn list_audit_log(
    State(api): State<Api>,
    caller: Caller,
    Query(params): Query<Params>,
) -> Result<Json<PageView<AuditEntryView>>, Problem> {
    let store = api.engine().store();
    let stores = match params.store_id.as_deref() {
        Some(id) => {
            let id = caller.store(id, Scope::Manage)?;
            store.find_store(&id).await?.ok_or_else(Problem::no_store)?;
            Some(vec![id])
        }
        None if caller.own_stores().is_some() => {
            return Err(invalid(
                "store_id",
                "Hãy nêu store_id: một trong các cửa hàng của bạn.",
                "Name a store_id: one of your stores.",
            ));
        }
        None => {
            caller.require(Scope::Manage)?;
            None
        }
    };
    let limit = limit(params.limit)?;
    let after: Option<AuditId> = from_cursor(params.cursor.as_deref())?;
    let rows = store.list_audit(stores, Page { after, limit: limit + 1 }).await?;
    Ok(Json(page(rows, limit, |row| row.id.to_string(), AuditEntryView::from)))
}
