//! Personal data: in no log, and after erasing in no file of the database.

use bocau_testkit::{Receiver, Reply};
use http::Method;
use serde_json::json;

use crate::api::{Api, STORE};
use crate::server::Home;

const PHONE: &str = "0336965825";
const STREET: &str = "64 doi can, Ba Dinh";

#[tokio::test]
async fn personal_data_is_in_no_log_and_after_erasing_in_no_file() {
    let receiver = Receiver::start().await;
    let echo = format!(r#"{{"status": 200, "echo": {{"tel": "{PHONE}"}}}}"#);
    receiver.reply("/hook", Reply::json(500, &echo));
    receiver.reply("/hook", Reply::json(200, &echo));
    let home = Home::new().with("BOCAU_LOG", "trace").with("BOCAU_RETRY_INTERVAL", "1s");
    let server = home.serve().await;
    let api = server.api();
    api.set_up(&receiver.https_url("/hook")).await;
    let payload = json!({"tel": PHONE, "address": STREET, "note": "x".repeat(20_000)});
    let event = json!({"type": "order.created", "object_id": "208610", "payload": payload});
    let path = format!("/api/v1/stores/{STORE}/events");
    let event = api.post(&path, &event).await.expect(202)["id"].as_str().expect("an id").to_owned();
    api.wait_for_status(&event, "succeeded").await;
    let shown = api.get(&format!("{path}/{event}")).await.expect(200);
    assert_eq!(shown["payload"]["tel"], PHONE, "who manages sees all");
    // The default names the fields that the document's samples have.
    let made = home.run(&["key", "create", "--name", "eyes", "--store", STORE, "--scopes", "read"]).await;
    let shown = Api::new(server.url(), made.stdout.trim()).get(&format!("{path}/{event}")).await.expect(200);
    assert_eq!(
        (&shown["payload"]["tel"], &shown["payload"]["address"]),
        (&json!("••••••"), &json!("••••••"))
    );
    let holds = |text: &str| {
        let files = std::fs::read_dir(home.path("data")).expect("a directory");
        let mut files = files.map(|file| std::fs::read(file.expect("a file").path()).expect("read"));
        files.any(|bytes| bytes.windows(text.len()).any(|window| window == text.as_bytes()))
    };
    assert!(holds(PHONE) && holds(STREET), "the test looks where it is");
    let erase = format!("/api/v1/stores/{STORE}/objects/order/208610/data");
    let erased = api.send(Method::DELETE, &erase, String::new()).await.expect("an answer").expect(200);
    assert_eq!(erased["deliveries"], 1);
    assert!(!holds(PHONE), "the phone number is still in a file");
    assert!(!holds(STREET), "the address is still in a file");
    for text in [PHONE, STREET] {
        assert!(!server.log().contains(text), "{text} is in the log");
    }
    assert!(server.log().len() > 10_000, "the log is at its most talkative");
    server.stop().await;
}
