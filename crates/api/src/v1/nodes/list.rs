//! `GET /nodes`

use axum::Json;
use axum::extract::State;
use bocau_domain::Scope;

use super::view::NodeView;
use crate::auth::Caller;
use crate::problem::Problem;
use crate::router::Api;
use crate::v1::{PageView, ProblemRef};

/// The nodes that serve together, the oldest first. One that ends leaves the list; one that falls silent stays in it for
/// ten minutes. Needs an admin, or a platform key with `read`.
#[utoipa::path(get, path = "/nodes", tag = "health", responses(
    (status = 200, description = "All nodes.", body = PageView<NodeView>),
    (status = "4XX", description = "Refused.", body = ProblemRef, content_type = "application/problem+json"),
))]
pub async fn list_nodes(State(api): State<Api>, caller: Caller) -> Result<Json<PageView<NodeView>>, Problem> {
    caller.require_platform(Scope::Read)?;
    let nodes = api.engine().store().list_nodes(api.engine().clock().now()).await?;
    let view = |node| NodeView::new(node, api.node());
    Ok(Json(PageView { data: nodes.into_iter().map(view).collect(), next_cursor: None }))
}
