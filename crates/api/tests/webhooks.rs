//! Webhooks by the API: make, look up, change, delete, try, and the secret.

use std::time::Duration;

use bocau_domain::{DeliveryPolicy, RetryPolicy, Scope};
use bocau_engine::EngineOptions;
use bocau_testkit::{HarnessOptions, Reply, TestApp};
use serde_json::{Value, json};

async fn webhook(app: &TestApp, extra: Value) -> Value {
    let mut body = json!({"url": app.harness.receiver.https_url("/hook"), "events": ["order.*"]});
    body.as_object_mut().expect("an object").extend(extra.as_object().expect("an object").clone());
    app.post("/stores/552/webhooks", &body).send().await.expect(201)
}

#[tokio::test]
async fn a_webhook_is_made_with_the_servers_policy_and_a_secret() {
    let app = TestApp::start().await;
    let made =
        webhook(&app, json!({"headers": [{"key": "X-From", "value": "Abaha"}], "description": "kho"})).await;
    assert!(made["id"].as_str().expect("an id").starts_with("wh_"));
    assert!(made["secret"].as_str().expect("a secret").starts_with("whsec_"));
    assert_eq!(made["events"], json!(["order.*"]));
    assert_eq!(made["headers"], json!([{"key": "X-From", "value": "Abaha"}]));
    assert_eq!((&made["enabled"], &made["own_settings"]), (&json!(true), &json!([])));
    assert_eq!(
        (&made["max_attempts"], &made["retry_interval_seconds"], &made["timeout_seconds"]),
        (&json!(3), &json!(300), &json!(10))
    );
    let path = format!("/stores/552/webhooks/{}", made["id"].as_str().expect("an id"));
    let found = app.get(&path).send().await.expect(200);
    assert_eq!(found["description"], "kho");
    assert!(found.get("secret").is_none(), "only the answer to making it has the secret");
    let list = app.get("/stores/552/webhooks").send().await.expect(200);
    assert_eq!((list["data"].as_array().map(Vec::len), &list["next_cursor"]), (Some(1), &Value::Null));
}

#[tokio::test]
async fn header_values_are_masked_for_a_key_that_may_not_manage() {
    let app = TestApp::start().await;
    let made = webhook(&app, json!({"headers": [{"key": "Authorization", "value": "Bearer s3cret"}]})).await;
    let reader = app.key(Some("552"), &[Scope::Read], None).await;
    let path = format!("/stores/552/webhooks/{}", made["id"].as_str().expect("an id"));
    for path in [path.as_str(), "/stores/552/webhooks"] {
        let answer = app.get(path).key(&reader).send().await;
        answer.expect(200);
        assert!(!String::from_utf8_lossy(&answer.body).contains("s3cret"), "{path}");
    }
    assert_eq!(app.get(&format!("{path}/secret")).key(&reader).send().await.problem(403), "forbidden");
}

#[tokio::test]
async fn a_change_sets_what_it_names_and_leaves_the_rest() {
    let app = TestApp::start().await;
    let made = webhook(&app, json!({"retry_interval_seconds": 60})).await;
    let path = format!("/stores/552/webhooks/{}", made["id"].as_str().expect("an id"));
    let changed = app.patch(&path, &json!({"max_attempts": 5, "events": ["*"]})).send().await.expect(200);
    assert_eq!((&changed["max_attempts"], &changed["retry_interval_seconds"]), (&json!(5), &json!(60)));
    assert_eq!(changed["own_settings"], json!(["max_attempts", "retry_interval_seconds"]));
    assert_eq!((&changed["events"], &changed["url"]), (&json!(["*"]), &made["url"]));
    let scheduled = app.patch(&path, &json!({"retry_schedule_seconds": [30, 600]})).send().await.expect(200);
    assert_eq!(
        (
            &scheduled["max_attempts"],
            &scheduled["retry_interval_seconds"],
            &scheduled["retry_schedule_seconds"]
        ),
        (&json!(3), &Value::Null, &json!([30, 600]))
    );
    assert_eq!(scheduled["own_settings"], json!(["retry_schedule_seconds"]));
    let back = app.patch(&path, &json!({"retry_schedule_seconds": null})).send().await.expect(200);
    assert_eq!((&back["max_attempts"], &back["retry_interval_seconds"]), (&json!(3), &json!(300)));
}

#[tokio::test]
async fn what_a_webhook_does_not_set_follows_the_server_and_can_go_back_to_it() {
    let policy = DeliveryPolicy {
        retry: RetryPolicy::Every { max_attempts: 7, interval: Duration::from_secs(90) },
        timeout: Duration::from_secs(4),
    };
    let engine = EngineOptions { policy, ..EngineOptions::default() };
    let app = TestApp::with(HarnessOptions { engine, ..HarnessOptions::default() }).await;
    let expected =
        json!({"max_attempts": 7, "retry_interval_seconds": 90, "timeout_seconds": 4, "retention_days": 30});
    assert_eq!(app.get("/defaults").send().await.expect(200), expected);
    let viewer = app.member("viewer@example.vn", "viewer", &["552"]).await;
    assert_eq!(app.get("/defaults").cookie(&viewer).send().await.expect(200), expected);

    let made = webhook(&app, json!({"timeout_seconds": 20})).await;
    assert_eq!(made["own_settings"], json!(["timeout_seconds"]));
    let path = format!("/stores/552/webhooks/{}", made["id"].as_str().expect("an id"));
    let policy_of = |webhook: &Value| {
        ["max_attempts", "retry_interval_seconds", "timeout_seconds"].map(|name| webhook[name].clone())
    };
    assert_eq!(policy_of(&made), [json!(7), json!(90), json!(20)]);
    // The server's own value is still one that is set: it stays when the server's changes.
    let own = app.patch(&path, &json!({"max_attempts": 7})).send().await.expect(200);
    assert_eq!(own["own_settings"], json!(["max_attempts", "timeout_seconds"]));
    let back = json!({"max_attempts": null, "timeout_seconds": null});
    let back = app.patch(&path, &back).send().await.expect(200);
    assert_eq!((policy_of(&back), &back["own_settings"]), ([json!(7), json!(90), json!(4)], &json!([])));
}

#[tokio::test]
async fn a_url_that_is_not_https_or_not_public_is_refused_at_create_and_update() {
    let app = TestApp::with(bocau_testkit::HarnessOptions::allowing("127.0.0.1/32")).await;
    let path =
        format!("/stores/552/webhooks/{}", webhook(&app, json!({})).await["id"].as_str().expect("an id"));
    for (url, reason) in [
        ("http://shop.vn/hook", "not_https"),
        ("https://10.0.0.1/hook", "private_address"),
        ("https://169.254.169.254/latest", "metadata_address"),
        ("https://[::ffff:10.0.0.1]/", "embedded_ipv4_address"),
        ("https://user:pass@shop.vn/", "user_info"),
        ("https://0x7f.1/", "address_spelling"),
        ("ftp://shop.vn/", "not_https"),
        ("", "not_https"),
    ] {
        let create = app.post("/stores/552/webhooks", &json!({"url": url, "events": ["*"]})).send().await;
        let change = app.patch(&path, &json!({"url": url})).send().await;
        for answer in [create, change] {
            assert_eq!(answer.problem(422), "webhook-url-refused", "{url}");
            assert_eq!(answer.json()["reason"], reason, "{url}");
            assert_eq!(answer.json()["errors"][0]["pointer"], "/url");
        }
    }
    assert_eq!(app.get("/stores/552/webhooks").send().await.json()["data"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn what_does_not_fit_is_refused_with_its_place_and_nothing_is_made() {
    let app = TestApp::start().await;
    let url = app.harness.receiver.https_url("/");
    let header = |key: &str, value: &str| json!({"url": url, "events": ["*"], "headers": [{"key": "X-Ok", "value": "1"}, {"key": key, "value": value}]});
    for (body, slug, pointer) in [
        (json!({"events": ["*"]}), "validation-failed", "/url"),
        (json!({"url": url}), "validation-failed", "/events"),
        (json!({"url": url, "events": []}), "validation-failed", "/events"),
        (json!({"url": url, "events": ["*", "order.lost"]}), "unknown-event-type", "/events/1"),
        (json!({"url": url, "events": "*"}), "validation-failed", "/events"),
        (json!({"url": url, "events": ["*"], "evnts": 1}), "unknown-field", "/evnts"),
        (
            json!({"url": url, "events": ["*"], "headers": [{"key": "a", "vaule": "b"}]}),
            "unknown-field",
            "/headers/0/vaule",
        ),
        (header("Host", "x"), "webhook-header-refused", "/headers/1/key"),
        (header("Webhook-Id", "x"), "webhook-header-refused", "/headers/1/key"),
        (header("bocau-store", "x"), "webhook-header-refused", "/headers/1/key"),
        (header("x-ok", "2"), "webhook-header-refused", "/headers/1/key"),
        (header("X-Bad", "a\r\nb: c"), "webhook-header-refused", "/headers/1/value"),
        (json!({"url": url, "events": ["*"], "max_attempts": 0}), "validation-failed", "/max_attempts"),
        (
            json!({"url": url, "events": ["*"], "timeout_seconds": 26}),
            "validation-failed",
            "/timeout_seconds",
        ),
        (
            json!({"url": url, "events": ["*"], "retry_interval_seconds": 86_401}),
            "validation-failed",
            "/retry_interval_seconds",
        ),
        (
            json!({"url": url, "events": ["*"], "max_attempts": 2, "retry_schedule_seconds": [1]}),
            "validation-failed",
            "/retry_schedule_seconds",
        ),
        (json!({"url": url, "events": ["*"], "max_attempts": -1}), "validation-failed", "/max_attempts"),
        (
            json!({"url": url, "events": ["*"], "description": "x".repeat(501)}),
            "validation-failed",
            "/description",
        ),
    ] {
        let answer = app.post("/stores/552/webhooks", &body).send().await;
        assert_eq!(answer.problem(422), slug, "{body}");
        assert_eq!(answer.json()["errors"][0]["pointer"], pointer, "{body}: {}", answer.json());
    }
    assert_eq!(app.get("/stores/552/webhooks").send().await.json()["data"], json!([]));
}

#[tokio::test]
async fn a_store_has_at_most_100_webhooks_and_lists_them_in_pages() {
    let app = TestApp::start().await;
    for _ in 0..100 {
        webhook(&app, json!({})).await;
    }
    let body = json!({"url": app.harness.receiver.https_url("/hook"), "events": ["*"]});
    assert_eq!(app.post("/stores/552/webhooks", &body).send().await.problem(409), "too-many-webhooks");
    let first = app.get("/stores/552/webhooks?limit=60").send().await.expect(200);
    let cursor = first["next_cursor"].as_str().expect("a cursor");
    let second = app.get(&format!("/stores/552/webhooks?limit=60&cursor={cursor}")).send().await.expect(200);
    assert_eq!((second["data"].as_array().map(Vec::len), &second["next_cursor"]), (Some(40), &Value::Null));
}

#[tokio::test]
async fn a_deleted_webhook_is_gone() {
    let app = TestApp::start().await;
    let path =
        format!("/stores/552/webhooks/{}", webhook(&app, json!({})).await["id"].as_str().expect("an id"));
    app.delete(&path).send().await.expect(204);
    for answer in [
        app.get(&path).send().await,
        app.delete(&path).send().await,
        app.patch(&path, &json!({})).send().await,
    ] {
        assert_eq!(answer.problem(404), "not-found");
    }
}

#[tokio::test]
async fn a_rotated_secret_signs_beside_the_old_one_for_a_day() {
    let app = TestApp::start().await;
    let made = webhook(&app, json!({})).await;
    let path = format!("/stores/552/webhooks/{}", made["id"].as_str().expect("an id"));
    let answer = app.get(&format!("{path}/secret")).send().await;
    assert_eq!(answer.expect(200)["secret"], made["secret"]);
    assert_eq!(answer.headers.get("cache-control").expect("a header"), "no-store");
    let rotated = app.post(&format!("{path}/secret/rotate"), &json!({})).send().await.expect(200);
    assert_ne!(rotated["secret"], made["secret"]);
    assert!(rotated["previous_valid_until"].is_string());
    app.post(&format!("{path}/test"), &json!({})).send().await.expect(200);
    let request = app.harness.receiver.wait_for(1).await.remove(0);
    let signature = request.header("webhook-signature").expect("a signature");
    assert_eq!(signature.split(' ').count(), 2, "both secrets sign: {signature}");
}

#[tokio::test]
async fn a_test_send_goes_the_real_way_and_answers_the_attempt() {
    let app = TestApp::start().await;
    let made = webhook(&app, json!({"events": ["product.created"]})).await;
    let path = format!("/stores/552/webhooks/{}/test", made["id"].as_str().expect("an id"));
    app.harness.receiver.reply("/hook", Reply::json(200, r#"{"status": 200, "message": "OK"}"#));
    let result = app.post(&path, &json!({})).send().await.expect(200);
    assert_eq!(
        (&result["outcome"], &result["trigger"], &result["status_code"]),
        (&json!("success"), &json!("test"), &json!(200))
    );
    assert_eq!(result["response_body"], r#"{"status": 200, "message": "OK"}"#);
    let sample = include_str!("../../domain/catalogue/samples/product.json");
    assert_eq!(app.harness.receiver.requests()[0].body, sample.as_bytes());

    app.harness.receiver.reply("/hook", Reply::status(500));
    let result = app.post(&path, &json!({"type": "order.paid"})).send().await.expect(200);
    assert_eq!((&result["outcome"], &result["status_code"]), (&json!("http_error"), &json!(500)));
    let row = app
        .get(&format!("/stores/552/deliveries/{}", result["delivery_id"].as_str().expect("an id")))
        .send()
        .await;
    let row = row.expect(200);
    assert_eq!(
        (&row["status"], &row["test"], &row["next_attempt_at"]),
        (&json!("failed"), &json!(true), &Value::Null)
    );
    assert_eq!(
        app.post(&path, &json!({"type": "order.lost"})).send().await.problem(422),
        "unknown-event-type"
    );
}

#[tokio::test]
async fn a_disabled_webhook_can_be_tried() {
    let app = TestApp::start().await;
    let made = webhook(&app, json!({"enabled": false})).await;
    let path = format!("/stores/552/webhooks/{}/test", made["id"].as_str().expect("an id"));
    assert_eq!(app.post(&path, &json!({})).send().await.expect(200)["outcome"], "success");
}
