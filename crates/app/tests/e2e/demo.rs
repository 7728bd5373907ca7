//! `serve --demo`: what a first user sees.

use crate::api::{Api, STORE};
use crate::server::Home;

const LAST_LINE: &str = "Ctrl-C stops the server.";

fn key_in(output: &str) -> &str {
    let (_, rest) = output.split_once("BOCAU_API_KEY=").expect("a key is shown");
    rest.lines().next().expect("a line")
}

#[tokio::test]
async fn the_demo_delivers_the_three_samples_and_comes_up_again() {
    let home = Home::bare().with("BOCAU_LISTEN", "127.0.0.1:0");
    let mut server = home.serve_with(&["--demo"]).await;
    let output = server.output_until(LAST_LINE).await;
    for name in ["order.created", "product.created", "customer.created"] {
        let row =
            output.lines().find(|line| line.contains(name)).unwrap_or_else(|| panic!("{name} in {output}"));
        assert!(row.contains("Thành công") && row.contains("200"), "{row}");
        assert_eq!(row.matches("có").count(), 2, "the same bytes, a right signature: {row}");
    }
    let deliveries = Api::new(server.url(), key_in(&output)).deliveries().await;
    assert_eq!(deliveries.len(), 3);
    server.stop().await;

    let mut server = home.serve_with(&["--demo"]).await;
    let output = server.output_until(LAST_LINE).await;
    assert!(output.contains("552 “Điểm bán 1”"), "{output}");
    let api = Api::new(server.url(), key_in(&output));
    let webhook = api.get(&format!("/api/v1/stores/{STORE}/webhooks")).await.expect(200)["data"][0].clone();
    assert!(
        output.contains(webhook["url"].as_str().expect("a URL")),
        "the webhook points at the receiver of now"
    );
    let event = api.publish("1").await;
    api.wait_for_status(&event, "succeeded").await;
    server.stop().await;
}

#[tokio::test]
async fn the_network_of_the_demo_is_open_in_the_demo_only() {
    let home = Home::bare().with("BOCAU_LISTEN", "127.0.0.1:0");
    let mut server = home.serve_with(&["--demo"]).await;
    let output = server.output_until(LAST_LINE).await;
    let key = key_in(&output).to_owned();
    server.stop().await;
    let server = home.serve().await;
    let api = Api::new(server.url(), &key);
    let event = api.publish("1").await;
    let delivery = api.wait_for_status(&event, "retrying").await;
    assert!(delivery["last_error"].as_str().is_some_and(|error| error.contains("loopback")), "{delivery}");
    server.stop().await;
}
