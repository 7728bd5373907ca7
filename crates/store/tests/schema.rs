//! What a step of the `SQLite` schema does with what an earlier version has written.

use std::sync::Arc;

use bocau_domain::IdSource;
use bocau_store::conformance::world::{Dice, HandClock, START};
use rusqlite::Connection;

fn ids() -> IdSource {
    IdSource::new(Arc::new(HandClock::new(START)), Arc::new(Dice::new(1)))
}

#[test]
fn what_was_there_before_it_was_counted_is_counted_with_the_schema() {
    let (first, third) = (
        include_str!("../migrations/sqlite/V1__first_schema.sql"),
        include_str!("../migrations/sqlite/V3__figures.sql"),
    );
    let ids = ids();
    let event = ids.event_id();
    let id = ids.delivery_id(event);
    let side = Connection::open_in_memory().unwrap();
    side.execute_batch(first).unwrap();
    side.execute(
        "INSERT INTO events VALUES (?1, '552', 'order.created', '1', NULL, 0, 0, x'7b7d')",
        [event.as_bytes()],
    )
    .unwrap();
    side.execute(
        "INSERT INTO deliveries (store_id, id, event_id, event_type, object_id, is_test, created_at, status, claim, \
         auto_attempts, interruptions, last_number, attempts, responses) \
         VALUES ('552', ?1, ?2, 'order.created', '1', 0, 0, 'failed', 0, 0, 0, 0, 0, 0)",
        (id.as_bytes(), event.as_bytes()),
    )
    .unwrap();
    side.execute_batch(third).unwrap();
    let counted: (String, i64, i64, i64, i64) = side
        .query_row("SELECT store_id, hour, events, failed, skipped FROM hourly_deliveries", [], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
        })
        .unwrap();
    assert_eq!(counted, ("552".into(), id.made_at().as_millis() / 3_600_000, 1, 1, 0));
}

/// An attempt's outcome and error.
type Ended = (&'static str, Option<&'static str>);

/// Of what was there, a delivery in trouble says how its last attempt ended, as far as that moved its state.
#[test]
fn what_was_in_trouble_before_outcomes_were_kept_gets_them_with_the_schema() {
    let ids = ids();
    let side = Connection::open_in_memory().unwrap();
    for schema in [
        include_str!("../migrations/sqlite/V1__first_schema.sql"),
        include_str!("../migrations/sqlite/V2__people.sql"),
        include_str!("../migrations/sqlite/V3__figures.sql"),
        include_str!("../migrations/sqlite/V4__asked_first.sql"),
    ] {
        side.execute_batch(schema).unwrap();
    }
    let deliveries: [(&str, Option<&str>, &[Ended]); 5] = [
        ("failed", Some("slow"), &[("http_error", Some("HTTP 500")), ("timeout", Some("slow"))]),
        ("retrying", Some("slow"), &[("timeout", Some("slow")), ("success", None)]),
        ("retrying", Some("stopped"), &[("interrupted", Some("stopped"))]),
        ("failed", None, &[]),
        ("succeeded", None, &[("success", None)]),
    ];
    for (object, (status, error, history)) in deliveries.into_iter().enumerate() {
        let id = ids.delivery_id(ids.event_id());
        side.execute(
            "INSERT INTO deliveries (store_id, id, event_id, event_type, object_id, is_test, created_at, last_error, \
             status, claim, auto_attempts, interruptions, last_number, attempts, responses) \
             VALUES ('552', ?1, ?1, 'order.created', ?2, 0, 0, ?3, ?4, 0, 0, 0, 0, 0, 0)",
            (id.as_bytes(), object.to_string(), error, status),
        )
        .unwrap();
        for (number, (outcome, error)) in (0_u32..).zip(history) {
            side.execute(
                "INSERT INTO attempts VALUES (?1, ?2, 'auto', 0, 70 + ?2, ?3, NULL, ?4, '[]', '[]', 0, x'')",
                (id.as_bytes(), number, outcome, error),
            )
            .unwrap();
        }
    }
    side.execute_batch(include_str!("../migrations/sqlite/V5__last_outcome.sql")).unwrap();
    let filled: Vec<(Option<String>, Option<i64>)> = side
        .prepare("SELECT last_outcome, last_duration_ms FROM deliveries ORDER BY object_id")
        .unwrap()
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let timeout = Some("timeout".to_owned());
    let interrupted = Some("interrupted".to_owned());
    let expected =
        [(timeout.clone(), Some(71)), (timeout, Some(70)), (interrupted, None), (None, None), (None, None)];
    assert_eq!(filled, expected);
}
