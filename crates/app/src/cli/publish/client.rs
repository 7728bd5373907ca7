//! The HTTP side of `bocau publish`: one request per batch, tried again where the server asks to wait.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use bocau_domain::StoreId;
use bocau_engine::EngineClock;
use bytes::Bytes;
use http::header::{ACCEPT_LANGUAGE, AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER, USER_AGENT};
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::{ClientConfig, RootCertStore};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use super::input::Batch;

/// How often a batch is sent while the server asks to wait.
const TRIES_MAX: u32 = 10;
/// The longest wait between two tries, whatever the server asks for.
const WAIT_MAX: Duration = Duration::from_mins(1);
/// How long a connection may take to come about.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(10);
/// How long an answer may take: longer than the server takes to give up itself.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(90);
/// Bytes of an answer: far more than one for 500 events has.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;

/// What became of one event.
#[derive(Debug, Deserialize)]
pub(super) struct PublishedEvent {
    pub(super) delivery_count: u32,
    pub(super) duplicate: bool,
}

#[derive(Debug, Deserialize)]
struct PublishedEvents {
    results: Vec<PublishedEvent>,
}

/// A refusal, as RFC 9457 writes it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Problem {
    #[serde(rename = "type")]
    pub(super) slug: String,
    pub(super) status: u16,
    pub(super) title: String,
    pub(super) detail: String,
    pub(super) errors: Vec<FieldProblem>,
}

/// What is wrong with one place of a request.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct FieldProblem {
    pub(super) pointer: String,
    pub(super) detail: String,
}

/// Why a batch was not published.
#[derive(Debug)]
pub(super) enum Failure {
    /// The server said so; nothing of the batch was written.
    Refused(Problem),
    /// There was no connection, so nothing of the batch was written.
    NotSent(String),
    /// No answer that can be understood; the batch may or may not have been written.
    Unanswered(String),
}

/// A client of one store of one server.
pub(super) struct Client {
    http: HttpClient<HttpsConnector<HttpConnector>, Full<Bytes>>,
    one: Uri,
    many: Uri,
    authorization: HeaderValue,
    clock: Arc<dyn EngineClock>,
}

impl Client {
    pub(super) fn new(
        url: &str,
        store: &StoreId,
        api_key: &SecretString,
        clock: Arc<dyn EngineClock>,
    ) -> anyhow::Result<Self> {
        let base = url.trim_end_matches('/');
        if !base.starts_with("http://") && !base.starts_with("https://") {
            bail!("--url {url:?} must begin with http:// or https://");
        }
        let uri = |path: &str| format!("{base}/api/v1/stores/{store}/{path}").parse::<Uri>();
        let (one, many) = (uri("events"), uri("events/batch"));
        let unusable = || format!("--url {url:?} cannot be used");
        let mut authorization = HeaderValue::try_from(format!("Bearer {}", api_key.expose_secret()))
            .map_err(|_| anyhow::anyhow!("the API key has a character in it that no header may have"))?;
        authorization.set_sensitive(true);
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_connect_timeout(Some(CONNECT_TIME_MAX));
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls_config(base.starts_with("https://"))?)
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        Ok(Self {
            http: HttpClient::builder(TokioExecutor::new()).build(connector),
            one: one.with_context(unusable)?,
            many: many.with_context(unusable)?,
            authorization,
            clock,
        })
    }

    /// Publishes a batch; what it waits for is told to `waiting`.
    pub(super) async fn publish(
        &self,
        batch: &Batch,
        key: Option<&str>,
        waiting: impl Fn(String),
    ) -> Result<Vec<PublishedEvent>, Failure> {
        let (uri, body) = match batch.items.as_slice() {
            [only] => (&self.one, Bytes::from(only.json.clone())),
            items => {
                let events: Vec<&str> = items.iter().map(|item| item.json.as_str()).collect();
                (&self.many, Bytes::from(format!("{{\"events\":[{}]}}", events.join(","))))
            }
        };
        let mut tries = 0;
        loop {
            tries += 1;
            let (status, wait, answer) = self.exchange(self.request(uri, body.clone(), key)).await?;
            if status.is_success() {
                return understood(&answer, batch.items.len());
            }
            let problem = problem(status, &answer);
            match wait {
                Some(wait) if tries < TRIES_MAX => {
                    let wait = wait.min(WAIT_MAX);
                    waiting(format!("{}: trying again in {} s", problem.title, wait.as_secs()));
                    self.clock.sleep(wait).await;
                }
                _ => return Err(Failure::Refused(problem)),
            }
        }
    }

    fn request(&self, uri: &Uri, body: Bytes, key: Option<&str>) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = uri.clone();
        let headers = request.headers_mut();
        headers.insert(AUTHORIZATION, self.authorization.clone());
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(ACCEPT_LANGUAGE, HeaderValue::from_static("en"));
        headers.insert(
            USER_AGENT,
            HeaderValue::from_static(concat!("bocau-publish/", env!("CARGO_PKG_VERSION"))),
        );
        if let Some(key) = key.and_then(|key| HeaderValue::try_from(key).ok()) {
            headers.insert("idempotency-key", key);
        }
        request
    }

    /// The status, the wait that the server asks for, and the body.
    async fn exchange(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<(StatusCode, Option<Duration>, Bytes), Failure> {
        let host = request.uri().authority().map_or_else(String::new, ToString::to_string);
        let unanswered = |problem: String| Failure::Unanswered(format!("no answer from {host}: {problem}"));
        let answered = async {
            let response = self.http.request(request).await.map_err(|error| {
                if error.is_connect() {
                    Failure::NotSent(format!("no connection to {host}: {}", described(&error)))
                } else {
                    unanswered(described(&error))
                }
            })?;
            let (status, wait) = (response.status(), asked_wait(&response));
            let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
            let body = body.map_err(|error| unanswered(error.to_string()))?.to_bytes();
            Ok((status, wait, body))
        };
        tokio::select! {
            answer = answered => answer,
            () = self.clock.sleep(ANSWER_TIME_MAX) => {
                Err(unanswered(format!("nothing came within {} s", ANSWER_TIME_MAX.as_secs())))
            }
        }
    }
}

/// The wait that 429 and 503 may ask for.
fn asked_wait<B>(response: &Response<B>) -> Option<Duration> {
    let asks = matches!(response.status(), StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
    let header = response.headers().get(RETRY_AFTER).filter(|_| asks)?;
    header.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}

fn understood(answer: &[u8], count: usize) -> Result<Vec<PublishedEvent>, Failure> {
    let read = if count == 1 {
        serde_json::from_slice(answer).map(|event| vec![event])
    } else {
        serde_json::from_slice(answer).map(|PublishedEvents { results }| results)
    };
    read.map_err(|error| Failure::Unanswered(format!("the server's answer cannot be understood: {error}")))
}

/// The problem of an answer; something like one where a proxy answered in the server's place.
fn problem(status: StatusCode, answer: &[u8]) -> Problem {
    let mut problem: Problem = serde_json::from_slice(answer).unwrap_or_default();
    problem.status = status.as_u16();
    if problem.title.is_empty() {
        problem.title = status.canonical_reason().map_or_else(|| "no reason given".to_owned(), str::to_owned);
    }
    problem
}

/// The system's certificates are read only where the server is asked by https.
fn tls_config(is_used: bool) -> anyhow::Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    if is_used {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

/// An error with its causes.
fn described(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
