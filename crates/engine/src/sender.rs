//! Sender: one attempt, from the request's headers to the judgement of the answer.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use bocau_domain::address::EgressRules;
use bocau_domain::{DeliveryPolicy, Outcome, Timestamp, UrlRefusal, Webhook, judge_response};
use bocau_store::{AttemptRecord, Claimed};
use bytes::Bytes;
use futures_util::future::{Either, select};
use secrecy::ExposeSecret as _;

use crate::clock::EngineClock;
use crate::echo::Echo;

/// Bytes of an answer's body that the history keeps.
pub const BODY_KEPT_MAX: usize = 16 * 1024;
/// Bytes of an answer's headers that the history keeps, names and values together.
pub const HEADERS_KEPT_MAX: usize = 16 * 1024;
/// Bytes of an error's text that the history keeps.
pub const ERROR_KEPT_MAX: usize = 500;
/// What stands in the history in place of the value of a webhook's own header.
pub const MASK: &str = bocau_domain::header::MASK;
/// The prefix of our own headers, unless configured.
pub const HEADER_PREFIX_DEFAULT: &str = "bocau";

/// A request that is about to leave. It prints nothing of itself: its headers may be passwords.
#[derive(Clone, Copy)]
pub struct Outgoing<'a> {
    /// Where to.
    pub url: &'a str,
    /// Names in lower case or as the owner wrote them, with their values.
    pub headers: &'a [(String, String)],
    /// The payload.
    pub body: &'a Bytes,
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: Vec<(String, String)>,
    /// The body, up to what is read of it.
    pub body: Vec<u8>,
    /// Whether that is all of it.
    pub is_whole: bool,
}

/// Why nothing usable came back. The texts are for a programmer and hold no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SendError {
    /// The guard did not let it out.
    Blocked {
        /// A stable word.
        reason: &'static str,
        /// The reason with the address.
        detail: String,
    },
    /// The name has no address.
    Dns(String),
    /// No connection.
    Connect(String),
    /// The certificate or handshake was refused.
    Tls(String),
    /// No HTTP, or over a limit.
    Protocol(String),
    /// The head came and the body broke off.
    BrokeOff(String),
}

/// The head of an answer whose body is still being read: what is known of it where the body never ends.
#[derive(Debug, Default)]
pub struct SeenHead(pub(crate) OnceLock<(u16, Vec<(String, String)>)>);

impl SeenHead {
    /// The head has come.
    pub fn saw(&self, status: u16, headers: &[(String, String)]) {
        // Only the first counts; an attempt has one answer.
        let _ = self.0.set((status, headers.to_vec()));
    }
}

/// The network. The program hands in [`crate::egress::HttpsTransport`], simulations their own.
#[async_trait]
pub trait Transport: Send + Sync + 'static {
    /// Sends a POST and reads the answer, and tells `head` as soon as its head has come. Has no deadline of
    /// its own: the sender drops it at the attempt's.
    async fn post(&self, outgoing: Outgoing<'_>, head: &SeenHead) -> Result<Answer, SendError>;
}

/// Makes attempts.
pub struct Sender {
    clock: Arc<dyn EngineClock>,
    transport: Arc<dyn Transport>,
    rules: Arc<EgressRules>,
    header_prefix: String,
}

impl Sender {
    /// Over this network; `rules` judge each URL once more before it is used.
    pub fn new(
        clock: Arc<dyn EngineClock>,
        transport: Arc<dyn Transport>,
        rules: Arc<EgressRules>,
        header_prefix: String,
    ) -> Self {
        Self { clock, transport, rules, header_prefix }
    }

    /// Makes the attempt that a claim stands for. Ends within the policy's timeout.
    pub async fn attempt(
        &self,
        claimed: &Claimed,
        webhook: &Webhook,
        policy: DeliveryPolicy,
    ) -> AttemptRecord {
        let started_at = self.clock.now();
        let started = self.clock.monotonic();
        let mut headers = self.headers(claimed, webhook, self.clock.wall());
        let outgoing = Outgoing { url: webhook.url.as_str(), headers: &headers, body: &claimed.payload };
        let head = SeenHead::default();
        let result = match self.judge(webhook) {
            Ok(()) => self.within(policy.timeout, outgoing, &head).await,
            Err(blocked) => Some(Err(blocked)),
        };
        let duration = self.clock.monotonic().saturating_sub(started);
        let echo = Echo::of(webhook);
        let result = result.map(|result| result.map(|answer| echo.masked(answer)));
        let head = echo.masked_head(head);
        let ended = End::of(result, head, policy.timeout, started_at + duration);
        mask(&mut headers, webhook);
        AttemptRecord {
            claim: claimed.claim.clone(),
            webhook: claimed.webhook,
            trigger: claimed.trigger,
            started_at,
            duration,
            outcome: ended.outcome,
            status_code: ended.status_code,
            error: ended.error,
            request_headers: headers,
            response_headers: ended.headers,
            response_body: ended.body,
            response_truncated: ended.truncated,
            gone: ended.gone.then(|| webhook.url.to_string()),
            retry_after: ended.retry_after,
            policy: policy.retry,
        }
    }

    /// Judges again what was judged when the webhook was set up: the rules may have changed since.
    fn judge(&self, webhook: &Webhook) -> Result<(), SendError> {
        webhook.url.judge(&self.rules).map_err(blocked)?;
        webhook.headers.iter().try_for_each(|header| {
            header.judge(&self.header_prefix).map_err(|refusal| SendError::Blocked {
                reason: refusal.code(),
                detail: format!("the webhook’s header “{}”: {refusal}", header.name.escape_debug()),
            })
        })
    }

    async fn within(
        &self,
        timeout: Duration,
        outgoing: Outgoing<'_>,
        head: &SeenHead,
    ) -> Option<Result<Answer, SendError>> {
        let deadline = self.clock.sleep(timeout);
        match select(self.transport.post(outgoing, head), deadline).await {
            Either::Left((result, _)) => Some(result),
            Either::Right(((), _)) => None,
        }
    }

    fn headers(&self, claimed: &Claimed, webhook: &Webhook, at: Timestamp) -> Vec<(String, String)> {
        let own = |name: &str| format!("{}-{name}", self.header_prefix);
        let given = |name: &str, value: String| (name.to_owned(), value);
        let mut headers = vec![
            given("content-type", "application/json".into()),
            given("accept-encoding", "identity".into()),
            given("user-agent", concat!("bocau/", env!("CARGO_PKG_VERSION")).into()),
            given("webhook-id", claimed.event.to_string()),
            given("webhook-timestamp", at.as_seconds().to_string()),
            given("webhook-signature", webhook.secrets.signature(claimed.event, at, &claimed.payload)),
            (own("event"), claimed.event_type.to_string()),
            (own("object-id"), claimed.object_id.to_string()),
            (own("store"), claimed.claim.store.to_string()),
            (own("attempt"), claimed.number.to_string()),
        ];
        let custom = webhook.headers.iter();
        headers.extend(custom.map(|header| (header.name.clone(), header.value.expose_secret().to_owned())));
        headers
    }
}

/// Makes the headers what the history shows: what the owner gave, and may be a password, comes last.
fn mask(headers: &mut [(String, String)], webhook: &Webhook) {
    let ours = headers.len() - webhook.headers.len();
    for (_, value) in &mut headers[ours..] {
        MASK.clone_into(value);
    }
}

fn blocked(refusal: UrlRefusal) -> SendError {
    SendError::Blocked { reason: refusal.code(), detail: refusal.to_string() }
}

/// Counts what the guard refused, at whichever door.
pub fn count_blocked(reason: &'static str) {
    metrics::counter!("bocau_egress_blocked_total", "reason" => reason).increment(1);
}

/// How an attempt ended, before it becomes a record.
struct End {
    outcome: Outcome,
    status_code: Option<u16>,
    error: Option<String>,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    truncated: bool,
    gone: bool,
    retry_after: Option<Timestamp>,
}

impl End {
    /// Of what the transport gave; `None` where the deadline came first.
    fn of(
        result: Option<Result<Answer, SendError>>,
        head: SeenHead,
        timeout: Duration,
        now: Timestamp,
    ) -> Self {
        let (outcome, error) = match result {
            Some(Ok(answer)) => return Self::answered(answer, now),
            None => (Outcome::Timeout, format!("no complete answer within {} s", timeout.as_secs())),
            Some(Err(SendError::Blocked { reason, detail })) => {
                count_blocked(reason);
                (Outcome::Blocked, detail)
            }
            Some(Err(SendError::Dns(detail))) => (Outcome::DnsError, detail),
            Some(Err(SendError::Connect(detail))) => (Outcome::ConnectError, detail),
            Some(Err(SendError::Tls(detail))) => (Outcome::TlsError, detail),
            Some(Err(SendError::Protocol(detail) | SendError::BrokeOff(detail))) => {
                (Outcome::ProtocolError, detail)
            }
        };
        let error = shortened(error);
        // An answer whose body is late or cut short is a failure even after a 2xx, but it was an answer.
        let (status_code, headers) =
            head.0.into_inner().map_or((None, Vec::new()), |(status, headers)| (Some(status), headers));
        Self {
            outcome,
            status_code,
            error: Some(error),
            headers: kept(headers),
            body: Vec::new(),
            truncated: false,
            gone: false,
            retry_after: None,
        }
    }

    fn answered(answer: Answer, now: Timestamp) -> Self {
        let body_status = if answer.is_whole { body_status(&answer.body) } else { None };
        let verdict = judge_response(answer.status, body_status);
        let error = match verdict.outcome {
            Outcome::Success => None,
            Outcome::Rejected => {
                body_status.map(|status| format!("HTTP {}, but the body says status {status}", answer.status))
            }
            _ => Some(format!("HTTP {}", answer.status)),
        };
        let asks_to_wait = matches!(answer.status, 429 | 503);
        let retry_after = asks_to_wait.then(|| retry_after(&answer.headers, now)).flatten();
        let truncated = !answer.is_whole || answer.body.len() > BODY_KEPT_MAX;
        let mut body = answer.body;
        body.truncate(BODY_KEPT_MAX);
        Self {
            outcome: verdict.outcome,
            status_code: Some(answer.status),
            error,
            headers: kept(answer.headers),
            body,
            truncated,
            gone: verdict.gone,
            retry_after,
        }
    }
}

/// An error's text up to [`ERROR_KEPT_MAX`] bytes: a receiver may have had a hand in it.
fn shortened(mut text: String) -> String {
    if text.len() > ERROR_KEPT_MAX {
        text.truncate(text.floor_char_boundary(ERROR_KEPT_MAX));
        text.push('…');
    }
    text
}

/// The headers up to [`HEADERS_KEPT_MAX`] bytes.
fn kept(headers: Vec<(String, String)>) -> Vec<(String, String)> {
    let mut bytes = 0;
    let fits = |(name, value): &(String, String)| {
        bytes += name.len() + value.len();
        bytes <= HEADERS_KEPT_MAX
    };
    headers.into_iter().take_while(fits).collect()
}

/// The `status` of a body that is a JSON object, where it is an integer. `"200"` and `200.5` are none.
fn body_status(body: &[u8]) -> Option<i64> {
    #[derive(serde::Deserialize)]
    struct Body {
        status: Option<serde_json::Value>,
    }
    // A JSON array would also fill a struct: only an object counts.
    if body.iter().find(|byte| !byte.is_ascii_whitespace()) != Some(&b'{') {
        return None;
    }
    serde_json::from_slice::<Body>(body).ok()?.status?.as_i64()
}

/// The moment `Retry-After` names, as seconds or as a date (RFC 9110, section 10.2.3).
fn retry_after(headers: &[(String, String)], now: Timestamp) -> Option<Timestamp> {
    let (_, value) = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("retry-after"))?;
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than fit mean longer than any wait we keep.
        return Some(now + Duration::from_secs(value.parse().unwrap_or(u64::from(u32::MAX))));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    let since_epoch = date.duration_since(std::time::UNIX_EPOCH).ok()?;
    Some(Timestamp::default() + since_epoch)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_000_000);

    fn answer(status: u16, body: &str) -> Answer {
        Answer { status, headers: vec![], body: body.into(), is_whole: true }
    }

    fn outcome(answer: Answer) -> Outcome {
        End::answered(answer, NOW).outcome
    }

    #[test]
    fn the_body_counts_only_where_it_is_an_object_with_an_integer_status() {
        for (body, expected) in [
            (r#"{"status": 200, "message": "OK"}"#, Outcome::Success),
            (r#"{"status": 500}"#, Outcome::Rejected),
            (r#" { "status":404 }"#, Outcome::Rejected),
            (r#"{"status": "5"}"#, Outcome::Success),
            (r#"{"status": "500"}"#, Outcome::Success),
            (r#"{"status": 500.5}"#, Outcome::Success),
            (r#"{"status": null}"#, Outcome::Success),
            (r#"{"status": 99999999999999999999}"#, Outcome::Success),
            ("[500]", Outcome::Success),
            ("500", Outcome::Success),
            (r#"{"status": 500"#, Outcome::Success),
            ("", Outcome::Success),
            ("<html>OK</html>", Outcome::Success),
        ] {
            assert_eq!(outcome(answer(200, body)), expected, "{body}");
        }
    }

    #[test]
    fn a_body_longer_than_the_cap_is_judged_by_its_status_alone() {
        let long = Answer { is_whole: false, ..answer(200, r#"{"status": 500}"#) };
        let end = End::answered(long, NOW);
        assert_eq!((end.outcome, end.truncated), (Outcome::Success, true));
    }

    #[test]
    fn the_history_keeps_the_beginning_of_a_long_body() {
        let end = End::answered(answer(500, &"x".repeat(BODY_KEPT_MAX + 1)), NOW);
        assert_eq!((end.body.len(), end.truncated), (BODY_KEPT_MAX, true));
        let end = End::answered(answer(500, &"x".repeat(BODY_KEPT_MAX)), NOW);
        assert_eq!((end.body.len(), end.truncated), (BODY_KEPT_MAX, false));
    }

    #[test]
    fn a_body_that_broke_off_after_a_2xx_is_a_failure() {
        let head = SeenHead::default();
        head.saw(200, &[]);
        let end = End::of(Some(Err(SendError::BrokeOff("reset".into()))), head, Duration::ZERO, NOW);
        assert_eq!((end.outcome, end.status_code), (Outcome::ProtocolError, Some(200)));
    }

    #[test]
    fn retry_after_is_read_as_seconds_or_as_a_date_and_only_where_it_means_something() {
        let read = |status: u16, value: &str| {
            let headers = vec![("Retry-After".to_owned(), value.to_owned())];
            End::answered(Answer { headers, ..answer(status, "") }, NOW).retry_after
        };
        assert_eq!(read(503, "120"), Some(NOW + Duration::from_mins(2)));
        assert_eq!(read(429, " 0 "), Some(NOW));
        assert_eq!(read(429, "Thu, 01 Jan 1970 01:00:00 GMT"), Some(Timestamp::from_millis(3_600_000)));
        assert!(read(429, "99999999999999999999999") > Some(NOW + Duration::from_hours(24 * 365)));
        for nonsense in ["", "-5", "soon", "1.5", "12 parsecs"] {
            assert_eq!(read(503, nonsense), None, "{nonsense}");
        }
        assert_eq!(read(500, "120"), None, "only 429 and 503 carry it");
    }
}
