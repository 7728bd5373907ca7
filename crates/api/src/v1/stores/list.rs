//! `GET /stores`

use axum::Json;
use axum::extract::State;
use bocau_domain::{Scope, StoreId};
use serde::Deserialize;
use utoipa::IntoParams;

use super::view::StoreView;
use crate::auth::Caller;
use crate::problem::Problem;
use crate::query::{Query, from_cursor, limit};
use crate::router::Api;
use crate::v1::{PageView, ProblemRef, page};

/// The page.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Params {
    /// Rows of the page: 1 to 200.
    #[param(default = 50, minimum = 1, maximum = 200)]
    limit: Option<usize>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// The stores, by id. Store keys, members and viewers see their own.
#[utoipa::path(get, path = "/stores", tag = "stores", params(Params), responses(
    (status = 200, description = "A page of stores.", body = PageView<StoreView>),
    (status = "4XX", description = "Refused.", body = ProblemRef, content_type = "application/problem+json"),
))]
pub async fn list_stores(
    State(api): State<Api>,
    caller: Caller,
    Query(params): Query<Params>,
) -> Result<Json<PageView<StoreView>>, Problem> {
    caller.require(Scope::Read)?;
    let store = api.engine().store();
    let limit = limit(params.limit)?;
    let after: Option<StoreId> = from_cursor(params.cursor.as_deref())?;
    let rows = match caller.own_stores() {
        None => store.list_stores(after, limit + 1).await?,
        Some(own) => {
            let mut own: Vec<&StoreId> = own.iter().filter(|id| Some(*id) > after.as_ref()).collect();
            own.sort();
            let mut rows = Vec::new();
            for id in own.into_iter().take(limit + 1) {
                rows.extend(store.find_store(id).await?);
            }
            rows
        }
    };
    Ok(Json(page(rows, limit, |row| row.id.to_string(), StoreView::from)))
}
