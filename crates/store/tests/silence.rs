//! A connection to PostgreSQL that something on the way has forgotten, while the server answers on all others.

use std::sync::Arc;
use std::time::Duration;

use bocau_domain::{StoreId, Timestamp};
use bocau_store::conformance::world::Dice;
use bocau_store::postgres::{PostgresOptions, PostgresStore};
use bocau_store::seal::MasterKey;
use bocau_store::{Result, Store as _, StoreError};
use bocau_testkit::{Fault, FaultProxy, TestDatabase};
use futures_util::FutureExt as _;
use futures_util::future::join_all;

/// Short, so that the test is, and long enough for what is answered on a busy machine.
const ANSWER_MAX: Duration = Duration::from_secs(2);

const STORE: &str = "552";

/// A store behind a proxy; a third of its connections is for look-ups.
async fn behind_a_proxy(database: &TestDatabase, connection_count: usize) -> (PostgresStore, FaultProxy) {
    let (proxy, url) = database.through_proxy().await;
    let url = url.parse().expect("a URL");
    let options = PostgresOptions::new(url, MasterKey::generate(&Dice::new(1)), Arc::new(Dice::new(2)));
    let options = PostgresOptions { connection_count, ..options };
    // Its schema is made without hurry.
    PostgresStore::open(options.clone()).await.expect("it opens").close().await;
    let store =
        PostgresStore::open(PostgresOptions { answer_max: ANSWER_MAX, ..options }).await.expect("it opens");
    (store, proxy)
}

/// Whether nobody answered in time.
fn is_silent<T>(told: Result<T>) -> bool {
    matches!(told, Err(StoreError::Unavailable(why)) if why.contains("no answer"))
}

#[tokio::test]
async fn whoever_asks_on_a_forgotten_connection_is_told_in_time_and_the_next_gets_a_new_one() {
    let database = TestDatabase::make().await;
    let (store, proxy) = behind_a_proxy(&database, 2).await;
    let (id, now) = (STORE.parse().expect("an id"), Timestamp::from_millis(1_800_000_000_000));
    store.probe_write(now).await.expect("the connection for work is made");
    store.ping().await.expect("and the one for look-ups");
    proxy.set(Fault::Forgotten);
    assert!(is_silent(store.probe_write(now).await), "a transaction");
    assert!(is_silent(store.ping().await), "a look-up");
    store.probe_write(now).await.expect("on a new connection");
    store.ping().await.expect("on a new connection");
    proxy.set(Fault::Unheard);
    assert!(is_silent(store.find_store(&id).await), "a look-up on a connection for work");
    proxy.set(Fault::None);
    store.close().await;
}

#[tokio::test]
async fn one_forgotten_connection_is_enough_to_make_all_anew_that_nobody_uses() {
    let database = TestDatabase::make().await;
    let (store, proxy) = behind_a_proxy(&database, 9).await;
    let now = Timestamp::from_millis(1_800_000_000_000);
    // As many as there may be for work.
    let probes = || join_all((0..6).map(|_| store.probe_write(now)));
    assert!(probes().await.iter().all(Result::is_ok), "the connections are made");
    proxy.set(Fault::Forgotten);
    assert!(is_silent(store.probe_write(now).await), "the first");
    assert!(probes().await.iter().all(Result::is_ok), "nobody else waits for nothing");
    store.close().await;
}

#[tokio::test]
async fn whoever_leaves_before_the_answer_leaves_the_connection_to_nobody() {
    let database = TestDatabase::make().await;
    let (store, proxy) = behind_a_proxy(&database, 2).await;
    let id: StoreId = STORE.parse().expect("an id");
    store.find_store(&id).await.expect("the connection is made");
    proxy.set(Fault::Forgotten);
    assert!(store.find_store(&id).now_or_never().is_none(), "there is no answer yet");
    store.find_store(&id).await.expect("on a new connection");
    store.close().await;
}
