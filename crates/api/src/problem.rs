//! Every error that can be answered: RFC 9457 `application/problem+json`, in Vietnamese or English.
//!
//! A handler returns a [`Problem`]; its language is chosen where it leaves the server
//! ([`mod@crate::router`]), by the request's `Accept-Language`. `type` is a stable slug: clients may switch on
//! it, and texts may change. A problem that is the server's fault is logged here, once.

use axum::response::{IntoResponse, Response};
use bocau_engine::PublishError;
use bocau_store::StoreError;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use serde::Serialize;

/// A text in both languages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// Vietnamese.
    pub vi: String,
    /// English.
    pub en: String,
}

/// A text in both languages.
pub fn text(vi: impl Into<String>, en: impl Into<String>) -> Text {
    Text { vi: vi.into(), en: en.into() }
}

/// The language of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Language {
    /// Tiếng Việt, the default.
    #[default]
    Vi,
    /// English.
    En,
}

impl Language {
    /// The language that `Accept-Language` prefers of the two (RFC 9110, section 12.5.4).
    pub fn from_accept_language(header: &str) -> Self {
        let mut best = (Self::Vi, 0.0_f32);
        for item in header.split(',') {
            let mut parts = item.trim().split(';');
            let tag = parts.next().unwrap_or_default().trim().to_ascii_lowercase();
            let quality = parts
                .find_map(|part| part.trim().strip_prefix("q=").map(str::to_owned))
                .map_or(1.0, |value| value.parse().unwrap_or(0.0));
            let language = match tag.split('-').next() {
                Some("en") => Self::En,
                Some("vi" | "*") => Self::Vi,
                _ => continue,
            };
            if quality > best.1 {
                best = (language, quality);
            }
        }
        best.0
    }

    fn pick(self, text: &Text) -> &str {
        match self {
            Self::Vi => &text.vi,
            Self::En => &text.en,
        }
    }
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $slug:literal, $status:ident, $vi:literal, $en:literal;)+) => {
        /// What kind of error it is: the `type` of a problem.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, utoipa::ToSchema)]
        #[schema(as = ProblemType)]
        pub enum Kind {
            $($(#[$doc])* #[schema(rename = $slug)] $kind,)+
        }

        impl Kind {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$kind,)+];

            /// The `type` on the wire.
            pub const fn slug(self) -> &'static str {
                match self { $(Self::$kind => $slug,)+ }
            }

            /// The status code.
            pub const fn status(self) -> StatusCode {
                match self { $(Self::$kind => StatusCode::$status,)+ }
            }

            /// The title in both languages: Vietnamese, English.
            pub const fn titles(self) -> (&'static str, &'static str) {
                match self { $(Self::$kind => ($vi, $en),)+ }
            }
        }
    };
}

kinds! {
    /// The body is no JSON.
    InvalidJson = "invalid-json", BAD_REQUEST, "Nội dung không phải JSON hợp lệ", "The body is not valid JSON";
    /// A parameter of the query is wrong.
    InvalidQuery = "invalid-query", BAD_REQUEST, "Tham số truy vấn không hợp lệ", "A query parameter is invalid";
    /// The cursor is none that we gave out.
    InvalidCursor = "invalid-cursor", BAD_REQUEST, "cursor không hợp lệ", "The cursor is invalid";
    /// No key, or none that is known.
    Unauthorized = "unauthorized", UNAUTHORIZED, "Chưa xác thực", "Not authenticated";
    /// E-mail and password do not belong together.
    WrongCredentials = "wrong-credentials", UNAUTHORIZED, "Sai e-mail hoặc mật khẩu", "Wrong e-mail or password";
    /// The link was used, or its time is over.
    LinkExpired = "link-expired", UNAUTHORIZED, "Liên kết đã hết hạn", "The link has expired";
    /// The page of another site sent a request with the cookie of a session.
    CrossSiteRequest = "cross-site-request", FORBIDDEN, "Yêu cầu từ trang khác bị từ chối", "A request of another site is refused";
    /// The key may not do this.
    Forbidden = "forbidden", FORBIDDEN, "Không có quyền", "Not allowed";
    /// There is no such thing, or it belongs to somebody else.
    NotFound = "not-found", NOT_FOUND, "Không tìm thấy", "Not found";
    /// The path exists, the method does not.
    MethodNotAllowed = "method-not-allowed", METHOD_NOT_ALLOWED, "Phương thức không được hỗ trợ", "Method not allowed";
    /// The id is taken.
    AlreadyExists = "already-exists", CONFLICT, "Đã tồn tại", "Already exists";
    /// The store's data is still being deleted.
    StoreBeingDeleted = "store-being-deleted", CONFLICT, "Cửa hàng đang được xóa", "The store is being deleted";
    /// The `Idempotency-Key` was used for another request.
    IdempotencyKeyReused = "idempotency-key-reused", CONFLICT, "Idempotency-Key đã dùng cho yêu cầu khác", "The Idempotency-Key was used for another request";
    /// There is nowhere to send it.
    NothingToResend = "nothing-to-resend", CONFLICT, "Không thể gửi lại", "It cannot be resent";
    /// The secret was rotated within the last day, and the one before it still signs.
    SecretRotatedRecently = "secret-rotated-recently", CONFLICT, "Khóa ký vừa được đổi", "The secret was rotated recently";
    /// Too many bulk resends run.
    TooManyResends = "too-many-resends", CONFLICT, "Đang gửi lại quá nhiều", "Too many bulk resends";
    /// The limit of webhooks is reached.
    TooManyWebhooks = "too-many-webhooks", CONFLICT, "Đã đạt số webhook tối đa", "The limit of webhooks is reached";
    /// The limit of test inboxes is reached.
    TooManyInboxes = "too-many-inboxes", CONFLICT, "Đã đạt số hộp thử tối đa", "The limit of test inboxes is reached";
    /// Somebody must be left who can sign in as an admin, and nobody deletes themselves.
    LastAdmin = "last-admin", CONFLICT, "Tài khoản này phải được giữ lại", "This account must stay";
    /// The limit of API keys is reached.
    TooManyKeys = "too-many-keys", CONFLICT, "Đã đạt số khóa API tối đa", "The limit of API keys is reached";
    /// The limit of members, or of the stores of one, is reached.
    TooManyMembers = "too-many-members", CONFLICT, "Đã đạt số thành viên tối đa", "The limit of members is reached";
    /// Too many wrong passwords.
    TooManyAttempts = "too-many-attempts", TOO_MANY_REQUESTS, "Sai quá nhiều lần", "Too many attempts";
    /// More requests than the operator allows each key, or each machine.
    TooManyRequests = "too-many-requests", TOO_MANY_REQUESTS, "Quá nhiều yêu cầu", "Too many requests";
    /// The request took too long to arrive.
    RequestTimeout = "request-timeout", REQUEST_TIMEOUT, "Yêu cầu quá chậm", "The request took too long";
    /// The body is too large.
    TooLarge = "payload-too-large", PAYLOAD_TOO_LARGE, "Nội dung quá lớn", "The body is too large";
    /// The body is not said to be JSON.
    UnsupportedMediaType = "unsupported-media-type", UNSUPPORTED_MEDIA_TYPE, "Kiểu nội dung không được hỗ trợ", "Unsupported media type";
    /// A field is missing or wrong.
    ValidationFailed = "validation-failed", UNPROCESSABLE_ENTITY, "Dữ liệu không hợp lệ", "The request is invalid";
    /// A field that the API does not know.
    UnknownField = "unknown-field", UNPROCESSABLE_ENTITY, "Trường không tồn tại", "Unknown field";
    /// An event type that the catalogue does not have.
    UnknownEventType = "unknown-event-type", UNPROCESSABLE_ENTITY, "Loại sự kiện không tồn tại", "Unknown event type";
    /// A URL that webhooks may not have.
    UrlRefused = "webhook-url-refused", UNPROCESSABLE_ENTITY, "Webhook URL không được chấp nhận", "The webhook URL is refused";
    /// A header that webhooks may not have.
    HeaderRefused = "webhook-header-refused", UNPROCESSABLE_ENTITY, "Header không được chấp nhận", "The header is refused";
    /// Something of ours broke.
    Internal = "internal-error", INTERNAL_SERVER_ERROR, "Lỗi của máy chủ", "Server error";
    /// The database cannot be written or read now.
    Unavailable = "store-unavailable", SERVICE_UNAVAILABLE, "Cơ sở dữ liệu tạm thời không dùng được", "The database is unavailable";
    /// Too much is waiting.
    Overloaded = "overloaded", SERVICE_UNAVAILABLE, "Máy chủ đang quá tải", "The server is overloaded";
    /// This node has no API.
    WorkerNode = "worker-node", SERVICE_UNAVAILABLE, "Nút này chỉ gửi", "This node only sends";
    /// The server is stopping.
    ShuttingDown = "shutting-down", SERVICE_UNAVAILABLE, "Máy chủ đang dừng", "The server is shutting down";
}

/// A field that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// Where it is: an RFC 6901 JSON pointer into the body, or the name of a query parameter or header.
    pub pointer: String,
    /// What is wrong with it, and what would be right.
    pub detail: Text,
}

/// An error, ready to be answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What kind it is.
    pub kind: Kind,
    /// What happened, and what to do.
    pub detail: Text,
    /// The fields that are wrong.
    pub errors: Vec<FieldError>,
    /// A stable word that narrows the kind down (`not_https`, `private_address`).
    pub reason: Option<&'static str>,
    /// Seconds after which the same request may go.
    pub retry_after: Option<u32>,
}

impl Problem {
    /// Of this kind, with this detail.
    pub fn new(kind: Kind, detail: Text) -> Self {
        Self { kind, detail, errors: Vec::new(), reason: None, retry_after: None }
    }

    /// With a field that is wrong.
    #[must_use]
    pub fn at(mut self, pointer: impl Into<String>, detail: Text) -> Self {
        self.errors.push(FieldError { pointer: pointer.into(), detail });
        self
    }

    /// With one wrong field, whose detail is the whole problem's too.
    pub fn field(kind: Kind, pointer: impl Into<String>, detail: Text) -> Self {
        Self::new(kind, detail.clone()).at(pointer, detail)
    }

    /// With a word that narrows the kind down.
    #[must_use]
    pub fn because(mut self, reason: &'static str) -> Self {
        self.reason = Some(reason);
        self
    }

    /// With the seconds after which the same request may go.
    #[must_use]
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// There is no such thing, or it is somebody else's: the two are not told apart.
    pub fn not_found(what_vi: &str, what_en: &str) -> Self {
        let detail = text(format!("Không tìm thấy {what_vi}."), format!("There is no such {what_en}."));
        Self::new(Kind::NotFound, detail)
    }

    /// No such store.
    pub fn no_store() -> Self {
        Self::not_found("cửa hàng này", "store")
    }

    /// No such webhook.
    pub fn no_webhook() -> Self {
        Self::not_found("webhook này", "webhook")
    }

    /// No such event.
    pub fn no_event() -> Self {
        Self::not_found("sự kiện này", "event")
    }

    /// No such API key.
    pub fn no_key() -> Self {
        Self::not_found("khóa API này", "API key")
    }

    /// No such member.
    pub fn no_member() -> Self {
        Self::not_found("thành viên này", "member")
    }

    /// No such delivery.
    pub fn no_delivery() -> Self {
        Self::not_found("lượt gửi này", "delivery")
    }

    /// The answer in one language.
    pub fn render(&self, language: Language) -> Response {
        let (title_vi, title_en) = self.kind.titles();
        let status = self.kind.status();
        let body = Body {
            r#type: self.kind.slug(),
            title: if language == Language::Vi { title_vi } else { title_en },
            status: status.as_u16(),
            detail: language.pick(&self.detail),
            reason: self.reason,
            errors: self
                .errors
                .iter()
                .map(|error| BodyField { pointer: &error.pointer, detail: language.pick(&error.detail) })
                .collect(),
        };
        let json = serde_json::to_vec(&body).expect("strings and numbers serialize");
        let mut response = (status, json).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(
            "content-language",
            HeaderValue::from_static(if language == Language::Vi { "vi" } else { "en" }),
        );
        headers.insert("vary", HeaderValue::from_static("accept-language"));
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert("www-authenticate", HeaderValue::from_static("Bearer"));
        }
        response
    }
}

#[derive(Serialize)]
struct Body<'a> {
    r#type: &'a str,
    title: &'a str,
    status: u16,
    detail: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<BodyField<'a>>,
}

#[derive(Serialize)]
struct BodyField<'a> {
    pointer: &'a str,
    detail: &'a str,
}

/// Carries the problem to where its language is chosen.
impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.kind.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(_) | StoreError::Closed => {
                tracing::warn!(%error, "a request failed because of the database");
                let detail = text(
                    "Máy chủ không biết chắc yêu cầu đã được ghi hay chưa. Hãy gửi lại sau ít giây; với cùng Idempotency-Key thì không có gì bị ghi hai lần.",
                    "The server does not know for sure whether the request was written. Send it again in a few seconds; with the same Idempotency-Key nothing is written twice.",
                );
                Self::new(Kind::Unavailable, detail).retry_after(5)
            }
            StoreError::Moving => {
                let detail = text(
                    "Cửa hàng đang được chuyển sang cơ sở dữ liệu khác. Không có gì được ghi. Hãy gửi lại yêu cầu sau ít giây.",
                    "The store is being moved to another database. Nothing was written. Send the request again in a few seconds.",
                );
                Self::new(Kind::Unavailable, detail).retry_after(5)
            }
            StoreError::Corrupt(_) | StoreError::Refused(_) => {
                tracing::error!(%error, "a request failed because of the database");
                Self::internal()
            }
        }
    }
}

impl Problem {
    /// The request was not complete, or not answered, in time.
    pub fn too_slow() -> Self {
        let detail = text(
            "Yêu cầu chưa xong trong 60 giây. Nếu là yêu cầu ghi, hãy gửi lại với cùng Idempotency-Key.",
            "The request was not done within 60 seconds. If it writes, send it again with the same Idempotency-Key.",
        );
        Self::new(Kind::RequestTimeout, detail)
    }

    /// Something of ours broke; the log has it.
    pub fn internal() -> Self {
        let detail = text(
            "Máy chủ gặp lỗi; người vận hành xem nhật ký theo x-request-id của câu trả lời này.",
            "The server failed; its operator finds the cause in the log by this answer's x-request-id.",
        );
        Self::new(Kind::Internal, detail)
    }

    /// The server is stopping.
    pub fn shutting_down() -> Self {
        let detail = text(
            "Máy chủ đang dừng và không nhận thêm. Hãy gửi lại sau ít giây.",
            "The server is stopping and takes nothing more in. Send the request again in a few seconds.",
        );
        Self::new(Kind::ShuttingDown, detail).retry_after(5)
    }

    /// Too much is waiting or being read.
    pub fn overloaded() -> Self {
        let detail = text(
            "Quá nhiều sự kiện đang chờ ghi. Hãy gửi lại sau.",
            "Too many events are waiting to be written. Send the request again later.",
        );
        Self::new(Kind::Overloaded, detail).retry_after(1)
    }
}

impl Problem {
    /// More connections are open than may be.
    pub fn too_many_connections() -> Self {
        let detail = text(
            "Máy chủ đang có quá nhiều kết nối. Không có gì được ghi. Hãy gửi lại sau.",
            "The server has too many connections. Nothing was written. Send the request again later.",
        );
        Self::new(Kind::Overloaded, detail).retry_after(1)
    }
}

impl From<PublishError> for Problem {
    fn from(error: PublishError) -> Self {
        match error {
            PublishError::NoStore => Self::no_store(),
            PublishError::NoWebhook => Self::no_webhook(),
            PublishError::UnknownType(_) => crate::refusals::unknown_event_type("/type", ""),
            PublishError::KeyReused => {
                let detail = text(
                    "Idempotency-Key này đã được dùng trong 24 giờ qua cho một nội dung khác. Yêu cầu mới cần Idempotency-Key mới.",
                    "This key was used within the last 24 hours with another body. Use a new key for a new request.",
                );
                Self::field(Kind::IdempotencyKeyReused, "Idempotency-Key", detail)
            }
            PublishError::Overloaded => Self::overloaded(),
            PublishError::Stopping => Self::shutting_down(),
            PublishError::Store(error) => error.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_is_vietnamese_unless_english_is_preferred() {
        for (header, language) in [
            ("", Language::Vi),
            ("vi", Language::Vi),
            ("en", Language::En),
            ("en-US,en;q=0.9", Language::En),
            ("fr", Language::Vi),
            ("fr, en;q=0.5", Language::En),
            ("en;q=0.3, vi;q=0.8", Language::Vi),
            ("*", Language::Vi),
            ("en;q=0", Language::Vi),
            ("en;q=nonsense", Language::Vi),
        ] {
            assert_eq!(Language::from_accept_language(header), language, "{header}");
        }
    }

    #[test]
    fn each_kind_has_a_slug_of_its_own_and_both_titles() {
        let mut slugs: Vec<_> = Kind::ALL.iter().map(|kind| kind.slug()).collect();
        slugs.sort_unstable();
        slugs.dedup();
        assert_eq!(slugs.len(), Kind::ALL.len());
        assert!(Kind::ALL.iter().all(|kind| kind.titles().0 != kind.titles().1));
    }
}
