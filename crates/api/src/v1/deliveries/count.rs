//! `GET /stores/{store}/deliveries/count`

use axum::Json;
use axum::extract::State;
use bocau_domain::Scope;
use serde::Serialize;
use utoipa::ToSchema;

use super::filter::FilterParams;
use crate::auth::Caller;
use crate::path::Path;
use crate::problem::Problem;
use crate::query::Query;
use crate::router::Api;
use crate::v1::ProblemRef;

/// Deliveries that are counted at most.
const COUNT_MAX: usize = 10_000;

/// How many deliveries a filter finds.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DeliveryCount)]
pub struct CountView {
    /// How many, up to 10,000.
    total: usize,
    /// Whether there are more than that.
    is_capped: bool,
}

/// How many deliveries the filter finds, counted up to 10,000.
#[utoipa::path(get, path = "/stores/{store}/deliveries/count", tag = "deliveries", params(("store" = String, Path, description = "The store's id"), FilterParams), responses(
    (status = 200, description = "The count.", body = CountView),
    (status = "4XX", description = "Refused.", body = ProblemRef, content_type = "application/problem+json"),
))]
pub async fn count_deliveries(
    State(api): State<Api>,
    caller: Caller,
    Path(store): Path<String>,
    Query(params): Query<FilterParams>,
) -> Result<Json<CountView>, Problem> {
    let store = caller.store(&store, Scope::Read)?;
    let filter = params.filter(api.engine().catalogue())?;
    let db = api.engine().store();
    let found = db.count_deliveries(&store, filter, COUNT_MAX + 1).await?;
    if found == 0 && db.find_store(&store).await?.is_none() {
        return Err(Problem::no_store());
    }
    Ok(Json(CountView { total: found.min(COUNT_MAX), is_capped: found > COUNT_MAX }))
}
