//! `DELETE /stores/{store}/objects/{group}/{id}/data`

use axum::Json;
use axum::extract::State;
use bocau_domain::{ObjectId, Scope};
use bocau_store::ObjectName;
use serde::Serialize;
use utoipa::ToSchema;

use crate::auth::Caller;
use crate::path::Path;
use crate::problem::Problem;
use crate::router::Api;
use crate::v1::ProblemRef;

/// What was erased.
#[derive(Debug, Serialize, ToSchema)]
pub struct ErasedData {
    /// Deliveries of the object, whose payloads and recorded answers are blank now.
    deliveries: usize,
    /// Those of them that an attempt was still in flight for after half a minute. What is answered to it is recorded:
    /// where this is not 0, ask once more in a minute.
    in_flight: usize,
}

/// Erases the personal data that is kept of one order, product or customer: the payloads of its events (`null` from then
/// on), the bodies that receivers answered, and what test inboxes received. The rows of the report stay. What still
/// waits is skipped with `object_erased`, and nothing of it can be sent again. Events published later are not touched.
/// Cannot be undone. Needs `manage`.
#[utoipa::path(delete, path = "/stores/{store}/objects/{group}/{id}/data", tag = "objects", params(("store" = String, Path, description = "The store's id"), ("group" = String, Path, description = "The group of the object's event types: `order`, `product`, `customer` or one of the operator's"), ("id" = String, Path, description = "The object's id, percent-encoded where it needs to be")), responses(
    (status = 200, description = "It is erased.", body = ErasedData),
    (status = "4XX", description = "Refused.", body = ProblemRef, content_type = "application/problem+json"),
))]
pub async fn erase_object(
    State(api): State<Api>,
    caller: Caller,
    Path((store, group, id)): Path<(String, String, String)>,
) -> Result<Json<ErasedData>, Problem> {
    let store = caller.store(&store, Scope::Manage)?;
    let id: ObjectId = id.parse().map_err(|_| no_object())?;
    let engine = api.engine();
    let entries = engine.catalogue().iter().filter(|entry| *entry.group == *group);
    let types: Vec<_> = entries.map(|entry| entry.name.clone()).collect();
    let object = ObjectName { group, types, id };
    let erased = engine.erase_object(store, object, caller.actor()).await?.ok_or_else(Problem::no_store)?;
    if erased.deliveries == 0 {
        return Err(no_object());
    }
    Ok(Json(ErasedData { deliveries: erased.deliveries, in_flight: erased.in_flight }))
}

fn no_object() -> Problem {
    Problem::not_found("sự kiện nào của đối tượng này", "event of this object")
}
