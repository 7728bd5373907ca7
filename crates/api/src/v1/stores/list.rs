//! `GET /stores`

use axum::Json;
use axum::extract::State;
use bocau_domain::Scope;
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
    #[param(default = 50)]
    limit: Option<usize>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// The stores, by id. A store key sees its own.
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
    let rows = match caller.own_store() {
        Some(own) => store.find_store(own).await?.into_iter().collect(),
        None => store.list_stores(from_cursor(params.cursor.as_deref())?, limit + 1).await?,
    };
    Ok(Json(page(rows, limit, |row| row.id.to_string(), StoreView::from)))
}
