//! `POST /stores`

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use bocau_domain::limits::CONFIG_REQUEST_BYTES_MAX;
use bocau_domain::{Scope, StoreInfo};
use bocau_store::NotChanged;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use utoipa::ToSchema;

use super::view::{StoreView, name, retention};
use crate::auth::Caller;
use crate::body::read_json;
use crate::problem::{Kind, Problem, text};
use crate::refusals::invalid;
use crate::router::Api;
use crate::v1::ProblemRef;

/// A store to make.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewStore)]
pub struct NewStore {
    /// The platform's own id: 1 to 64 of `A-Z a-z 0-9 _ -`. Made up where it is left out.
    id: Option<String>,
    /// What people call it: 1 to 200 characters.
    name: String,
    /// Days that its events are kept: 1 to 3650. Left out: as long as the server keeps them; it never keeps them
    /// for longer than that.
    #[schema(minimum = 1, maximum = 3650)]
    retention_days: Option<u32>,
}

/// Makes a store. Needs a platform key with `manage`.
#[utoipa::path(post, path = "/stores", tag = "stores", request_body = NewStore, responses(
    (status = 201, description = "The store.", body = StoreView),
    (status = "4XX", description = "Refused.", body = ProblemRef, content_type = "application/problem+json"),
))]
pub async fn create_store(
    State(api): State<Api>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<StoreView>), Problem> {
    caller.require_platform(Scope::Manage)?;
    let new: NewStore = read_json(&api, &headers, body, CONFIG_REQUEST_BYTES_MAX).await?;
    let engine = api.engine();
    let id = match new.id {
        None => engine.ids().store_id(),
        Some(id) => id.parse().map_err(|_| {
            invalid("/id", "id gồm 1 đến 64 ký tự A-Z a-z 0-9 _ -.", "id is 1 to 64 of A-Z a-z 0-9 _ -.")
        })?,
    };
    let store = StoreInfo {
        id,
        name: name(&new.name)?,
        retention: new.retention_days.map(retention).transpose()?,
        created_at: engine.clock().now(),
    };
    match engine.store().create_store(store.clone(), &caller.actor()).await? {
        Ok(()) => Ok((StatusCode::CREATED, Json(store.into()))),
        Err(NotChanged::BeingDeleted) => {
            let detail = text(
                "Cửa hàng cũ có id này đang được xóa dữ liệu. Hãy thử lại sau ít phút.",
                "The data of the old store with this id is still being deleted. Try again in a few minutes.",
            );
            Err(Problem::field(Kind::StoreBeingDeleted, "/id", detail))
        }
        Err(_) => {
            let detail = text("Đã có cửa hàng với id này.", "There is a store with this id already.");
            Err(Problem::field(Kind::AlreadyExists, "/id", detail))
        }
    }
}
