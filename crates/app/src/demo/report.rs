//! What the demo prints: the table of deliveries in the words of the report page, and what to try next.

use std::time::Duration;

use bocau_domain::Status;
use comfy_table::Table;
use comfy_table::presets::UTF8_FULL_CONDENSED;

/// One delivery of the demo.
#[derive(Debug)]
pub struct Row {
    /// The event's type.
    pub event_type: String,
    /// The event's object.
    pub object_id: String,
    /// Where the delivery stands.
    pub status: Status,
    /// What the receiver answered.
    pub status_code: Option<u16>,
    /// How long the last attempt took.
    pub duration: Option<Duration>,
    /// Whether what arrived is the sample, byte for byte; none where nothing arrived.
    pub is_same: Option<bool>,
    /// Whether its signature is right; none where nothing arrived.
    pub is_signed: Option<bool>,
}

const HEADER: [&str; 7] =
    ["Sự kiện", "Đối tượng", "Trạng thái", "HTTP", "Thời gian", "Giống từng byte", "Chữ ký đúng"];

/// The deliveries, one a line.
pub fn table(rows: &[Row]) -> String {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED).set_header(HEADER);
    for row in rows {
        table.add_row([
            row.event_type.clone(),
            row.object_id.clone(),
            label(row.status).to_owned(),
            row.status_code.map_or_else(|| "–".to_owned(), |code| code.to_string()),
            row.duration.map_or_else(|| "–".to_owned(), |span| format!("{} ms", span.as_millis())),
            yes_or_no(row.is_same).to_owned(),
            yes_or_no(row.is_signed).to_owned(),
        ]);
    }
    table.to_string()
}

/// What the merchant's pages call a state.
fn label(status: Status) -> &'static str {
    match status {
        Status::Pending => "Chờ gửi",
        Status::Retrying => "Chờ gửi lại",
        Status::Succeeded => "Thành công",
        Status::Failed => "Thất bại",
        Status::Skipped => "Bỏ qua",
    }
}

fn yes_or_no(answer: Option<bool>) -> &'static str {
    match answer {
        Some(true) => "có",
        Some(false) => "không",
        None => "–",
    }
}

/// What to try, with a key of the demo's store.
pub fn next_steps(url: &str, store: &str, token: &str) -> String {
    format!(
        "Try it yourself; this key is good for store {store} for 24 hours:\n\n\
         \x20 export BOCAU_API_KEY={token}\n\
         \x20 curl -H \"Authorization: Bearer $BOCAU_API_KEY\" {url}/api/v1/stores/{store}/deliveries\n\
         \x20 curl -H \"Authorization: Bearer $BOCAU_API_KEY\" -H 'Content-Type: application/json' \\\n\
         \x20      -d '{{\"type\":\"order.created\",\"object_id\":\"1\",\"payload\":{{\"id\":1}}}}' \\\n\
         \x20      {url}/api/v1/stores/{store}/events\n\n\
         All of the API: {url}/docs\n\
         Ctrl-C stops the server."
    )
}

/// What to try where the demo's store was deleted.
pub fn next_steps_without_store(url: &str) -> String {
    format!(
        "The demo's store was deleted; `bocau key create --name me` makes a key for all stores.\n\
         All of the API: {url}/docs\n\
         Ctrl-C stops the server."
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_says_what_became_of_a_delivery_in_vietnamese() {
        let row = Row {
            event_type: "order.created".into(),
            object_id: "208610".into(),
            status: Status::Succeeded,
            status_code: Some(200),
            duration: Some(Duration::from_millis(7)),
            is_same: Some(true),
            is_signed: Some(true),
        };
        let text = table(&[row]);
        for expected in ["order.created", "208610", "Thành công", "200", "7 ms", "Giống từng byte", "có"]
        {
            assert!(text.contains(expected), "{expected} in\n{text}");
        }
    }
}
