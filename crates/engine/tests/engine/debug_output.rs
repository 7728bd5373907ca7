//! What the values of the core print of themselves: whoever adds a `{:?}` to a log line gives no secret away by it.

use std::fmt::{Debug, Write as _};

use bocau_domain::header::CustomHeader;
use bocau_domain::{
    Clock as _, Inbox, InboxAnswer, InboxId, InboxRequest, InboxRequestId, SigningSecret, WebhookChange,
};
use bocau_engine::EngineOptions;
use bocau_store::postgres::PostgresUrl;
use bocau_store::{Audit as _, Inboxes as _, MasterKey, Page, Store as _};
use bocau_testkit::{EngineHarness, Reply};
use secrecy::SecretString;

const HEADER_VALUE: &str = "canary-header-0a1b2c3d4e5f";
const DATABASE_PASSWORD: &str = "canary-database-2b3c4d5e";
/// No secret: where this is not printed, nothing was looked at.
const SEEN: &str = "canary-description-1f2e3d4c";

/// All that was printed.
#[derive(Default)]
struct Printed(String);

impl Printed {
    fn print(&mut self, value: impl Debug) {
        writeln!(self.0, "{value:?}\n{value:#?}").expect("a string takes all");
    }
}

#[tokio::test]
async fn no_value_of_the_core_prints_a_secret() {
    let harness = EngineHarness::start().await;
    let header = CustomHeader::parse("authorization", HEADER_VALUE, "bocau").expect("a header");
    let webhook = harness
        .webhook_with(&harness.receiver.https_url("/hook"), |webhook| {
            webhook.headers = vec![header.clone()];
            webhook.description = SEEN.to_owned();
        })
        .await;
    let rotated = SigningSecret::generate(&*harness.rng);
    let change = WebhookChange {
        headers: Some(vec![header.clone()]),
        secret: Some(rotated.clone()),
        ..WebhookChange::default()
    };
    let mut printed = Printed::default();
    printed.print((&webhook, &change, &header, &rotated));
    harness.change_webhook(webhook.id, change).await;
    harness.receiver.reply("/hook", Reply::json(500, &format!(r#"{{"you sent": "{HEADER_VALUE}"}}"#)));
    let delivery = harness.send("1").await;
    printed.print(harness.attempted(delivery, 1).await);
    let (store, id) = (harness.store(), &harness.store_id);
    printed.print(store.routes(id).await.expect("the store works"));
    printed.print(store.list_audit(None, Page { after: None, limit: 100 }).await.expect("the store works"));

    let inbox = Inbox {
        id: InboxId::from_bytes([1; 16]),
        store: id.clone(),
        name: "hộp thử".into(),
        token: "token".into(),
        answer: InboxAnswer::Ok,
        created_at: harness.clock.now(),
    };
    store.create_inbox(inbox.clone(), &bocau_domain::Actor::System).await.expect("works").expect("made");
    let request = InboxRequest {
        id: InboxRequestId::from_bytes([2; 16]),
        inbox: inbox.id,
        at: harness.clock.now(),
        headers: vec![("authorization".into(), HEADER_VALUE.into())],
        body: Vec::new(),
        verified: None,
        answer_status: 200,
    };
    assert!(store.add_inbox_request(request).await.expect("the store works"));
    let received = store.list_inbox_requests(id, inbox.id).await.expect("the store works");
    assert_eq!(received[0].headers[0].1, HEADER_VALUE);
    printed.print((&inbox, &received));

    let master = "MTExMTExMTExMTExMTExMTExMTExMTExMTExMTExMTE=";
    printed.print(MasterKey::from_base64(master).expect("a master key"));
    printed.print(SecretString::from(HEADER_VALUE));
    let url = format!("postgres://bocau:{DATABASE_PASSWORD}@db.example.vn/bocau");
    printed.print(url.parse::<PostgresUrl>().expect("a URL"));
    let broken = format!("postgres://bocau:{DATABASE_PASSWORD}@db.example.vn:port/bocau");
    printed.print(broken.parse::<PostgresUrl>().expect_err("no URL"));
    printed.print(EngineOptions::default());

    let secrets = [webhook.secrets.current, rotated].map(|secret| {
        let shown = secrecy::ExposeSecret::expose_secret(&secret.reveal()).to_owned();
        (shown, format!("{:?}", secret.expose_bytes()))
    });
    let mut hidden = vec![HEADER_VALUE.to_owned(), DATABASE_PASSWORD.to_owned(), master.to_owned()];
    hidden.extend(secrets.into_iter().flat_map(|(text, bytes)| [text.replace("whsec_", ""), bytes]));
    assert!(printed.0.contains(SEEN), "the test looks where it is");
    for secret in hidden {
        let place = printed.0.find(&secret);
        assert_eq!(place, None, "{secret} in {:.200}", &printed.0[place.unwrap_or_default()..]);
    }
}
