//! `POST /stores/{store}/deliveries/{id}/resend`

use axum::Json;
use axum::extract::State;
use bocau_domain::Scope;
use bocau_store::Resend;
use http::StatusCode;

use super::view::DeliveryView;
use crate::auth::Caller;
use crate::path::Path;
use crate::problem::{Kind, Problem, text};
use crate::router::Api;
use crate::v1::ProblemRef;

/// Sends a delivery again by hand (Gửi lại): one more attempt as soon as none is in flight, which takes
/// nothing from the automatic ones. Needs `manage`.
#[utoipa::path(post, path = "/stores/{store}/deliveries/{id}/resend", tag = "deliveries", params(("store" = String, Path, description = "The store's id"), ("id" = String, Path, description = "The delivery's id")), responses(
    (status = 202, description = "The delivery; the attempt follows.", body = DeliveryView),
    (status = "4XX", description = "Refused.", body = ProblemRef, content_type = "application/problem+json"),
))]
pub async fn resend_delivery(
    State(api): State<Api>,
    caller: Caller,
    Path((store, id)): Path<(String, String)>,
) -> Result<(StatusCode, Json<DeliveryView>), Problem> {
    let store = caller.store(&store, Scope::Manage)?;
    let id = id.parse().map_err(|_| Problem::no_delivery())?;
    match api.engine().resend(store, id).await? {
        Resend::Accepted { delivery, .. } => Ok((StatusCode::ACCEPTED, Json(delivery.into()))),
        Resend::NotFound => Err(Problem::no_delivery()),
        Resend::NoWebhook => {
            let detail = text(
                "Không webhook nào nhận sự kiện này. Hãy thêm webhook cho loại sự kiện này rồi phát lại sự kiện.",
                "No webhook takes this event. Add a webhook for its type and publish the event again.",
            );
            Err(Problem::new(Kind::NothingToResend, detail).because("no_webhook"))
        }
        Resend::Erased => {
            let detail = text(
                "Dữ liệu của đối tượng này đã bị xóa theo yêu cầu, nên không còn gì để gửi.",
                "The data of this object was erased on request: there is nothing left to send.",
            );
            Err(Problem::new(Kind::NothingToResend, detail).because("object_erased"))
        }
        Resend::WebhookDeleted => {
            let detail =
                text("Webhook của lượt gửi này đã bị xóa.", "The webhook of this delivery was deleted.");
            Err(Problem::new(Kind::NothingToResend, detail).because("webhook_deleted"))
        }
    }
}
