//! The API as a client of it.

use std::future::Future;
use std::time::Duration;

use bocau_engine::{EngineClock as _, SystemClock};
use bocau_testkit::patience::{PATIENCE, within};
use bytes::Bytes;
use http::{HeaderMap, Method, Request};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};

/// The store of these tests.
pub(crate) const STORE: &str = "552";
/// Between two looks at something that only the API can tell.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);

/// A client with a key.
#[derive(Clone)]
pub(crate) struct Api {
    http: Client<HttpConnector, Full<Bytes>>,
    url: String,
    key: String,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    /// The body, `null` where it is no JSON.
    pub(crate) body: Value,
    /// The body as text.
    pub(crate) text: String,
}

impl Answer {
    /// The body of an answer that is what was expected.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.body);
        self.body
    }
}

impl Api {
    pub(crate) fn new(url: &str, key: &str) -> Self {
        let http = Client::builder(TokioExecutor::new()).build_http();
        Self { http, url: url.to_owned(), key: key.to_owned() }
    }

    /// Sends a request; none where no answer came.
    pub(crate) async fn send(&self, method: Method, path: &str, body: String) -> Option<Answer> {
        self.send_through(None, method, path, body).await
    }

    /// Sends a request as a proxy does that says for whom; none where no answer came.
    async fn send_through(
        &self,
        client: Option<&str>,
        method: Method,
        path: &str,
        body: String,
    ) -> Option<Answer> {
        let mut request = Request::builder();
        if let Some(client) = client {
            request = request.header("x-forwarded-for", client);
        }
        let request = request
            .method(method)
            .uri(format!("{}{path}", self.url))
            .header("authorization", format!("Bearer {}", self.key))
            .header("content-type", "application/json")
            .body(Full::new(Bytes::from(body)))
            .expect("the request is well formed");
        self.answer(request).await
    }

    async fn answer(&self, request: Request<Full<Bytes>>) -> Option<Answer> {
        let response = self.http.request(request).await.ok()?;
        let (head, body) = response.into_parts();
        let body = body.collect().await.ok()?.to_bytes();
        let text = String::from_utf8_lossy(&body).into_owned();
        Some(Answer {
            status: head.status.as_u16(),
            headers: head.headers,
            body: serde_json::from_str(&text).unwrap_or_default(),
            text,
        })
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, String::new()).await.expect("an answer")
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::POST, path, body.to_string()).await.expect("an answer")
    }

    /// The headers of a page as a browser with these cookies gets it.
    pub(crate) async fn page_headers(&self, path: &str, cookies: &str) -> HeaderMap {
        let request = Request::get(format!("{}{path}", self.url)).header("cookie", cookies);
        let request = request.body(Full::default()).expect("the request is well formed");
        self.http.request(request).await.expect("an answer").headers().clone()
    }

    /// Follows the store's live stream, from when this answers until it has told of something with this text.
    pub(crate) async fn follow(&self, text: &str) -> impl Future<Output = ()> + use<> {
        let request = Request::get(format!("{}/api/v1/stores/{STORE}/live", self.url))
            .header("authorization", format!("Bearer {}", self.key))
            .body(Full::default())
            .expect("the request is well formed");
        let mut body = self.http.request(request).await.expect("an answer").into_body();
        let text = text.to_owned();
        async move {
            let mut told = String::new();
            while !told.contains(&text) {
                let frame = body.frame().await.expect("it goes on").expect("it is not broken off");
                told.push_str(&String::from_utf8_lossy(frame.data_ref().expect("data")));
            }
        }
    }

    /// Who is signed in with this cookie.
    pub(crate) async fn session_of(&self, cookie: &str) -> Answer {
        let request = Request::get(format!("{}/api/v1/session", self.url)).header("cookie", cookie);
        let request = request.body(Full::default()).expect("the request is well formed");
        self.answer(request).await.expect("an answer")
    }

    /// Posts as a proxy on this machine does for a client.
    pub(crate) async fn post_for(&self, client: &str, path: &str, body: &Value) -> Answer {
        self.send_through(Some(client), Method::POST, path, body.to_string()).await.expect("an answer")
    }

    /// Makes the store and a webhook for all types; answers the webhook.
    pub(crate) async fn set_up(&self, url: &str) -> Value {
        self.post("/api/v1/stores", &json!({"id": STORE, "name": "Điểm bán 1"})).await.expect(201);
        self.add_webhook(json!({"url": url, "events": ["*"]})).await
    }

    pub(crate) async fn add_webhook(&self, webhook: Value) -> Value {
        self.post(&format!("/api/v1/stores/{STORE}/webhooks"), &webhook).await.expect(201)
    }

    /// Publishes an order; answers the event's id.
    pub(crate) async fn publish(&self, object_id: &str) -> String {
        let event = json!({"type": "order.created", "object_id": object_id, "payload": {"id": object_id}});
        let answer = self.post(&format!("/api/v1/stores/{STORE}/events"), &event).await.expect(202);
        answer["id"].as_str().expect("an id").to_owned()
    }

    /// Publishes an order's change with a key, which may be repeated; none where no answer came.
    pub(crate) async fn publish_with_key(&self, store: &str, key: &str, payload: &Value) -> Option<Answer> {
        let event = json!({"type": "order.updated", "object_id": key, "payload": payload});
        let request = Request::post(format!("{}/api/v1/stores/{store}/events", self.url))
            .header("authorization", format!("Bearer {}", self.key))
            .header("content-type", "application/json")
            .header("idempotency-key", key)
            .body(Full::new(Bytes::from(event.to_string())))
            .expect("the request is well formed");
        self.answer(request).await
    }

    /// The first delivery of an event.
    pub(crate) async fn delivery_of(&self, event: &str) -> Value {
        let event = self.get(&format!("/api/v1/stores/{STORE}/events/{event}")).await.expect(200);
        event["deliveries"][0].clone()
    }

    /// Waits until the first delivery of an event has this status.
    pub(crate) async fn wait_for_status(&self, event: &str, status: &str) -> Value {
        look_until(async || {
            let delivery = self.delivery_of(event).await;
            (delivery["status"] == status).then_some(delivery)
        })
        .await
    }

    /// All deliveries, newest first.
    pub(crate) async fn deliveries(&self) -> Vec<Value> {
        let (mut all, mut cursor) = (Vec::new(), String::new());
        loop {
            let path = format!("/api/v1/stores/{STORE}/deliveries?limit=200{cursor}");
            let page = self.get(&path).await.expect(200);
            all.extend(page["data"].as_array().expect("a list").iter().cloned());
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return all,
            }
        }
    }
}

/// Looks until there is something to see. What another process does can only be asked for; the wait between
/// two looks is no part of any test's truth.
pub(crate) async fn look_until<T>(look: impl AsyncFnMut() -> Option<T>) -> T {
    look_for(PATIENCE, look).await
}

/// The same for something that is promised within `span`.
pub(crate) async fn look_for<T>(span: Duration, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let clock = SystemClock::new();
    let looking = async {
        loop {
            if let Some(seen) = look().await {
                return seen;
            }
            pause(&clock).await;
        }
    };
    within(span, looking, || "looking for something that did not come".to_owned()).await
}

fn pause(clock: &SystemClock) -> impl Future<Output = ()> {
    clock.sleep(LOOK_INTERVAL)
}
