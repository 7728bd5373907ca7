//! The `OpenAPI` 3.1 document, generated from the routes.

use std::sync::OnceLock;

use axum::response::IntoResponse;
use http::header::CONTENT_TYPE;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{Components, OpenApi};
use utoipa::{Modify, OpenApi as _, ToSchema};

use crate::auth::cookies::CookieName;

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Bồ Câu",
        description = "Gửi sự kiện của cửa hàng đến hệ thống của chủ cửa hàng. · Sends a shop's events to its owner's systems.\n\nErrors are `application/problem+json` (RFC 9457) with a stable `type`, in Vietnamese or English by `Accept-Language`. Lists are newest first; pass `next_cursor` as `cursor` for the next page. Times are RFC 3339.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    components(schemas(ProblemBody, FieldErrorBody)),
    modifiers(&Schemes),
    security(("api_key" = []), ("session" = [])),
    tags(
        (name = "stores", description = "Cửa hàng · Stores"),
        (name = "event types", description = "Loại sự kiện · Event types"),
        (name = "webhooks", description = "Cấu hình webhook · Webhooks"),
        (name = "events", description = "Sự kiện · Events"),
        (name = "deliveries", description = "Sự kiện webhook, Lịch sử, Gửi lại · Deliveries"),
        (name = "inboxes", description = "Hộp thử · Test inboxes"),
        (name = "session", description = "Đăng nhập · Signing in"),
        (name = "members", description = "Thành viên và quyền · Members and roles"),
        (name = "keys", description = "Khóa API · API keys"),
        (name = "audit log", description = "Nhật ký thay đổi · Audit log"),
        (name = "health", description = "Vận hành · Operations")
    )
)]
struct Head;

struct Schemes;

impl Modify for Schemes {
    fn modify(&self, document: &mut OpenApi) {
        let key = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some(
                "An API key, `bck_…`. A platform key reaches every store, a store key its own.",
            ))
            .build();
        let cookie = ApiKeyValue::with_description(
            CookieName::Session.as_str(),
            "The session of a person who signed in. A request that changes something must come from a page of this server. A page inside another site has the cookie `bocau_portal` and sends the header `X-Bocau-Portal: 1`.",
        );
        let components = document.components.get_or_insert_with(Components::new);
        components.add_security_scheme("api_key", SecurityScheme::Http(key));
        components.add_security_scheme("session", SecurityScheme::ApiKey(ApiKey::Cookie(cookie)));
    }
}

/// An error (RFC 9457).
#[derive(ToSchema)]
#[schema(as = Problem)]
#[expect(dead_code, reason = "describes what crate::problem writes")]
pub struct ProblemBody {
    /// A stable slug, such as `not-found`; clients may switch on it.
    #[schema(value_type = crate::problem::Kind)]
    r#type: String,
    /// What kind of error it is.
    title: String,
    /// The status code.
    status: u16,
    /// What happened, and what to do.
    detail: String,
    /// A stable word that narrows the type down, such as `not_https` or `private_address`.
    reason: Option<String>,
    /// The fields that are wrong.
    errors: Option<Vec<FieldErrorBody>>,
}

/// A field that is wrong.
#[derive(ToSchema)]
#[schema(as = FieldError)]
#[expect(dead_code, reason = "describes what crate::problem writes")]
pub struct FieldErrorBody {
    /// An RFC 6901 pointer into the body, or the name of a parameter or header.
    pointer: String,
    /// What is wrong with it.
    detail: String,
}

/// The document before the routes are added.
pub(crate) fn head() -> OpenApi {
    Head::openapi()
}

/// The document.
pub fn openapi_json() -> String {
    let (_, document) = crate::router::contract().split_for_parts();
    document.to_pretty_json().expect("a document of strings serializes")
}

/// `GET /api/v1/openapi.json`
pub(crate) async fn get() -> impl IntoResponse {
    static JSON: OnceLock<String> = OnceLock::new();
    ([(CONTENT_TYPE, "application/json")], JSON.get_or_init(openapi_json).as_str())
}
