//! Every limit on what comes in, by name. A limit has one home: here where it is a rule of the product, in
//! the engine where it is a property of the machine.

use std::time::Duration;

/// Bytes of one event's payload.
pub const PAYLOAD_BYTES_MAX: usize = 512 * 1024;
/// Bytes of one request with one event: its payload and what stands around it.
pub const EVENT_REQUEST_BYTES_MAX: usize = PAYLOAD_BYTES_MAX + 4 * 1024;
/// Bytes of one batch request.
pub const BATCH_REQUEST_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Bytes of any other request body.
pub const CONFIG_REQUEST_BYTES_MAX: usize = 512 * 1024;
/// Events in one batch.
pub const BATCH_EVENTS_MAX: usize = 500;
/// Objects and arrays inside one another in a payload.
pub const JSON_DEPTH_MAX: usize = 64;
/// Characters of an event type's name.
pub const EVENT_TYPE_LENGTH_MAX: usize = 100;
/// Characters of an object id.
pub const OBJECT_ID_LENGTH_MAX: usize = 128;
/// Characters of a store's id.
pub const STORE_ID_LENGTH_MAX: usize = 64;
/// Characters of a store's name.
pub const STORE_NAME_LENGTH_MAX: usize = 200;
/// Characters of a webhook's description.
pub const DESCRIPTION_LENGTH_MAX: usize = 500;
/// Characters of an `Idempotency-Key`.
pub const IDEMPOTENCY_KEY_LENGTH_MAX: usize = 255;
/// How long an `Idempotency-Key` is remembered.
pub const IDEMPOTENCY_KEY_LIFETIME: Duration = Duration::from_hours(24);
/// Webhooks of one store.
pub const WEBHOOKS_PER_STORE_MAX: usize = 100;
/// Event types or groups one webhook may name.
pub const PATTERNS_PER_WEBHOOK_MAX: usize = 100;
/// Bytes of a webhook's URL.
pub const URL_LENGTH_MAX: usize = 2048;
/// Custom headers of one webhook.
pub const HEADERS_MAX: usize = 50;
/// Bytes of one custom header's value.
pub const HEADER_VALUE_BYTES_MAX: usize = 4 * 1024;
/// Bytes of one custom header's name.
pub const HEADER_NAME_BYTES_MAX: usize = 200;
/// How long a rotated signing secret keeps signing beside the new one.
pub const OLD_SECRET_LIFETIME: Duration = Duration::from_hours(24);
/// Rows of one page of a list, unless the request says otherwise.
pub const PAGE_LIMIT_DEFAULT: usize = 50;
/// Rows of one page of a list at most.
pub const PAGE_LIMIT_MAX: usize = 200;
/// Attempts in a row that may end `interrupted` before a delivery is given up.
pub const INTERRUPTIONS_MAX: u32 = 5;
/// How far `Retry-After` may push the next attempt.
pub const RETRY_AFTER_MAX: Duration = Duration::from_hours(24);
/// API keys of one store, or of the platform.
pub const API_KEYS_PER_OWNER_MAX: usize = 200;
/// How coarse the time is that an API key was used last.
pub const KEY_USE_RESOLUTION: Duration = Duration::from_mins(1);
/// Bytes of an e-mail address (RFC 5321, 4.5.3.1.3 less the angle brackets).
pub const EMAIL_LENGTH_MAX: usize = 254;
/// Bytes of the part of an e-mail address before the @ (RFC 5321, 4.5.3.1.1).
pub const EMAIL_LOCAL_LENGTH_MAX: usize = 64;
/// People who may sign in.
pub const USERS_MAX: usize = 10_000;
/// Stores that one member or viewer may be of.
pub const STORES_PER_USER_MAX: usize = 1_000;
/// How often at most a session's end is put off.
pub const SESSION_TOUCH_INTERVAL: Duration = Duration::from_hours(1);
/// Resends of many deliveries that run at once in one store.
pub const RESEND_JOBS_RUNNING_MAX: usize = 5;
/// How long a resend of many deliveries that has ended is remembered.
pub const RESEND_JOB_LIFETIME: Duration = Duration::from_hours(30 * 24);
/// How far back the overview goes.
pub const OVERVIEW_SPAN_MAX: Duration = Duration::from_hours(31 * 24);
/// Failing webhooks that the overview names.
pub const OVERVIEW_FAILING_MAX: usize = 20;
/// Test inboxes of one store.
pub const INBOXES_PER_STORE_MAX: usize = 20;
/// Characters of a test inbox's name.
pub const INBOX_NAME_LENGTH_MAX: usize = 100;
/// Requests that a test inbox keeps; older ones make room.
pub const INBOX_REQUESTS_MAX: usize = 100;
/// Bytes of a request's body that a test inbox keeps.
pub const INBOX_BODY_BYTES_MAX: usize = 64 * 1024;
/// Days that events are kept, unless the server or their store says otherwise.
pub const RETENTION_DAYS_DEFAULT: u16 = 30;
/// Days that events may be kept at most.
pub const RETENTION_DAYS_MAX: u16 = 3_650;
/// How much longer what is unfinished is kept before it is given up.
pub const EXPIRY_GRACE: Duration = Duration::from_hours(7 * 24);

#[cfg(test)]
mod tests {
    use super::*;

    /// Those that the documents name in units of their own.
    #[test]
    fn sizes_and_spans_are_those_of_the_documents() {
        assert_eq!(PAYLOAD_BYTES_MAX, 524_288);
        assert_eq!(EVENT_REQUEST_BYTES_MAX, 528_384);
        assert_eq!(BATCH_REQUEST_BYTES_MAX, 8_388_608);
        assert_eq!(CONFIG_REQUEST_BYTES_MAX, 524_288);
        assert_eq!(HEADER_VALUE_BYTES_MAX, 4_096);
        assert_eq!(INBOX_BODY_BYTES_MAX, 65_536);
        assert_eq!(RESEND_JOB_LIFETIME, Duration::from_hours(720));
        assert_eq!(OVERVIEW_SPAN_MAX, Duration::from_hours(744));
        assert_eq!(EXPIRY_GRACE, Duration::from_hours(168));
    }
}
