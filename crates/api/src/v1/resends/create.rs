//! `POST /stores/{store}/resends`

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use bocau_domain::Scope;
use bocau_domain::limits::CONFIG_REQUEST_BYTES_MAX;
use bocau_store::NotChanged;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use utoipa::ToSchema;

use super::view::ResendJobView;
use crate::auth::Caller;
use crate::body::read_json;
use crate::path::Path;
use crate::problem::{Kind, Problem, text};
use crate::router::Api;
use crate::v1::ProblemRef;
use crate::v1::deliveries::filter::FilterParams;
use crate::v1::words::{DeliveryStatus, ResendState};

/// Which deliveries to resend; what is left out does not narrow.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewResend)]
pub struct NewResend {
    /// A type (`order.created`) or a group (`order.*`).
    r#type: Option<String>,
    /// In this state.
    #[schema(value_type = Option<DeliveryStatus>)]
    status: Option<String>,
    /// About this object.
    object_id: Option<String>,
    /// To this webhook.
    webhook_id: Option<String>,
    /// Made at or after this moment.
    #[schema(format = DateTime)]
    from: Option<String>,
    /// Made before this moment.
    #[schema(format = DateTime)]
    to: Option<String>,
    /// Only count.
    #[serde(default)]
    #[schema(default = false)]
    dry_run: bool,
}

/// Resends all deliveries that the filter finds now, in the background. Needs `manage`. With `dry_run` it
/// only counts them.
#[utoipa::path(post, path = "/stores/{store}/resends", tag = "deliveries", params(("store" = String, Path, description = "The store's id")), request_body = NewResend, responses(
    (status = 200, description = "The count (`dry_run`).", body = ResendJobView),
    (status = 202, description = "It has begun.", body = ResendJobView),
    (status = "4XX", description = "Refused.", body = ProblemRef, content_type = "application/problem+json"),
))]
pub async fn create_resend(
    State(api): State<Api>,
    caller: Caller,
    Path(store): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<ResendJobView>), Problem> {
    let store = caller.store(&store, Scope::Manage)?;
    let new: NewResend = read_json(&api, &headers, body, CONFIG_REQUEST_BYTES_MAX).await?;
    let NewResend { r#type, status, object_id, webhook_id, from, to, dry_run } = new;
    let engine = api.engine();
    let filter =
        FilterParams { r#type, status, object_id, webhook_id, from, to }.filter(engine.catalogue())?;
    engine.store().find_store(&store).await?.ok_or_else(Problem::no_store)?;
    if dry_run {
        let total = engine.store().count_resendable(&store, filter).await?;
        let state = ResendState::COUNTED.to_owned();
        return Ok((
            StatusCode::OK,
            Json(ResendJobView { id: None, total, done: 0, state, created_at: None }),
        ));
    }
    match engine.begin_bulk_resend(store, filter, caller.actor()).await? {
        Ok(job) => Ok((StatusCode::ACCEPTED, Json(job.into()))),
        Err(NotChanged::TooMany) => {
            let detail = text(
                "Đang có quá nhiều lần gửi lại hàng loạt. Hãy đợi xong hoặc dừng bớt.",
                "Too many bulk resends are running. Wait for one to end, or stop one.",
            );
            Err(Problem::new(Kind::TooManyResends, detail))
        }
        Err(_) => Err(Problem::no_store()),
    }
}
