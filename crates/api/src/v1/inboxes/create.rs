//! `POST /stores/{store}/inboxes`

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use bocau_domain::limits::{CONFIG_REQUEST_BYTES_MAX, INBOX_NAME_LENGTH_MAX, INBOXES_PER_STORE_MAX};
use bocau_domain::{Inbox, InboxAnswer, Scope};
use bocau_store::NotChanged;
use http::{HeaderMap, StatusCode};
use secrecy::ExposeSecret as _;
use serde::Deserialize;
use utoipa::ToSchema;

use super::view::InboxView;
use crate::auth::Caller;
use crate::auth::sessions::new_token;
use crate::body::read_json;
use crate::path::Path;
use crate::problem::{Kind, Problem, text};
use crate::refusals::invalid;
use crate::router::Api;
use crate::v1::ProblemRef;

/// A test inbox to make.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewInbox)]
pub struct NewInbox {
    /// What people call it: at most 100 characters.
    #[serde(default)]
    #[schema(default = "")]
    name: String,
}

/// Makes a test inbox, which answers 200 until it is changed. Needs `manage`.
#[utoipa::path(post, path = "/stores/{store}/inboxes", tag = "inboxes", params(("store" = String, Path, description = "The store's id")), request_body = NewInbox, responses(
    (status = 201, description = "The inbox.", body = InboxView),
    (status = "4XX", description = "Refused.", body = ProblemRef, content_type = "application/problem+json"),
))]
pub async fn create_inbox(
    State(api): State<Api>,
    caller: Caller,
    Path(store): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<InboxView>), Problem> {
    let store = caller.store(&store, Scope::Manage)?;
    let new: NewInbox = read_json(&api, &headers, body, CONFIG_REQUEST_BYTES_MAX).await?;
    let engine = api.engine();
    let inbox = Inbox {
        id: engine.ids().inbox_id(),
        store,
        name: name(&new.name)?,
        token: new_token(&**engine.rng()).expose_secret().to_owned(),
        answer: InboxAnswer::Ok,
        created_at: engine.clock().now(),
    };
    match engine.store().create_inbox(inbox.clone(), &caller.actor()).await? {
        Ok(()) => Ok((StatusCode::CREATED, Json(inbox.into()))),
        Err(NotChanged::TooMany) => {
            let detail = text(
                format!("Một cửa hàng có tối đa {INBOXES_PER_STORE_MAX} hộp thử. Hãy xóa bớt trước."),
                format!("A store has at most {INBOXES_PER_STORE_MAX} test inboxes. Delete one first."),
            );
            Err(Problem::new(Kind::TooManyInboxes, detail))
        }
        Err(_) => Err(Problem::no_store()),
    }
}

fn name(name: &str) -> Result<String, Problem> {
    let name = name.trim();
    if name.chars().count() <= INBOX_NAME_LENGTH_MAX && !name.chars().any(char::is_control) {
        return Ok(name.to_owned());
    }
    Err(invalid(
        "/name",
        "Tên hộp thử tối đa 100 ký tự, không có ký tự điều khiển.",
        "A test inbox's name has at most 100 characters, no control characters.",
    ))
}
