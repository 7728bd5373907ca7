//! `GET /stores/{store}/deliveries`

use axum::Json;
use axum::extract::State;
use bocau_domain::Scope;
use bocau_store::Page;
use serde::Deserialize;
use utoipa::IntoParams;

use super::filter::FilterParams;
use super::view::DeliveryView;
use crate::auth::Caller;
use crate::path::Path;
use crate::problem::Problem;
use crate::query::{Query, from_cursor, limit};
use crate::router::Api;
use crate::v1::words::DeliveryStatus;
use crate::v1::{PageView, ProblemRef, page};

/// The filter and the page.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Params {
    /// Loại: a type (`order.created`) or a group (`order.*`).
    r#type: Option<String>,
    /// Trạng thái.
    #[param(value_type = Option<DeliveryStatus>)]
    status: Option<String>,
    /// ID đối tượng.
    object_id: Option<String>,
    /// Webhook.
    webhook_id: Option<String>,
    /// Made at or after this moment (RFC 3339).
    from: Option<String>,
    /// Made before this moment (RFC 3339).
    to: Option<String>,
    /// Rows of the page: 1 to 200.
    #[param(default = 50, minimum = 1, maximum = 200)]
    limit: Option<usize>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// A store's deliveries, newest first.
#[utoipa::path(get, path = "/stores/{store}/deliveries", tag = "deliveries", params(("store" = String, Path, description = "The store's id"), Params), responses(
    (status = 200, description = "A page of deliveries.", body = PageView<DeliveryView>),
    (status = "4XX", description = "Refused.", body = ProblemRef, content_type = "application/problem+json"),
))]
pub async fn list_deliveries(
    State(api): State<Api>,
    caller: Caller,
    Path(store): Path<String>,
    Query(params): Query<Params>,
) -> Result<Json<PageView<DeliveryView>>, Problem> {
    let store = caller.store(&store, Scope::Read)?;
    let Params { r#type, status, object_id, webhook_id, from, to, limit: asked, cursor } = params;
    let filter = FilterParams { r#type, status, object_id, webhook_id, from, to };
    let filter = filter.filter(api.engine().catalogue())?;
    let limit = limit(asked)?;
    let after = from_cursor(cursor.as_deref())?;
    let db = api.engine().store();
    let rows = db.list_deliveries(&store, filter, Page { after, limit: limit + 1 }).await?;
    if rows.is_empty() && db.find_store(&store).await?.is_none() {
        return Err(Problem::no_store());
    }
    Ok(Json(page(rows, limit, |row| row.id.to_string(), DeliveryView::from)))
}
