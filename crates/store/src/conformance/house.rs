//! Sweeping, probes and closing.

use std::sync::Arc;

use bocau_domain::limits::IDEMPOTENCY_KEY_LIFETIME;

use super::world::World;
use crate::{Appended, IdempotencyKey, SWEEP_BATCH, Store, StoreError};

/// In batches.
pub async fn sweeping_ends_and_leaves_what_is_not_over(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    assert!(!world.store.sweep(world.now()).await.expect("works"), "nothing to do");
    let submission = |name: String, event| {
        let world = &world;
        async move {
            let mut submission = world.submission(vec![event]).await;
            submission.idempotency = Some(IdempotencyKey { key: name, body_hash: [1; 32] });
            submission
        }
    };
    let mut submissions = Vec::new();
    for number in 0..SWEEP_BATCH + 10 {
        submissions.push(submission(number.to_string(), world.event(&[])).await);
    }
    for answer in world.store.append(submissions).await {
        assert!(matches!(answer, Ok(Appended::Accepted)), "{answer:?}");
    }
    world.pass(IDEMPOTENCY_KEY_LIFETIME / 2);
    let young = submission("young".into(), world.event(&[])).await;
    world.append(young.clone()).await;
    world.pass(IDEMPOTENCY_KEY_LIFETIME / 2);
    assert!(world.store.sweep(world.now()).await.expect("works"), "more than a batch");
    world.sweep().await;
    assert!(matches!(world.append(young).await, Appended::Duplicate(_)));
    assert_eq!(world.all_deliveries().await.len(), SWEEP_BATCH + 11, "events stay");
}

/// Reading and writing.
pub async fn a_store_that_works_answers_its_probes(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    world.store.ping().await.expect("reads");
    world.store.probe_write(world.now()).await.expect("writes");
    world.store.probe_write(world.now()).await.expect("writes again");
}

/// Nothing that was begun before is lost.
pub async fn what_was_taken_before_closing_is_durable_and_later_calls_are_refused(store: Arc<dyn Store>) {
    let world = Arc::new(World::new(store).await);
    let submission = world.submission(vec![world.event(&[])]).await;
    let appending = world.store.append(vec![submission.clone()]);
    let (answers, ()) = tokio::join!(appending, world.store.close());
    assert!(matches!(answers[0], Ok(Appended::Accepted)), "{answers:?}");
    assert!(matches!(world.store.ping().await, Err(StoreError::Closed)));
    assert!(matches!(world.store.probe_write(world.now()).await, Err(StoreError::Closed)));
    let answers = world.store.append(vec![submission.clone(), submission]).await;
    assert!(matches!(answers[..], [Err(StoreError::Closed), Err(StoreError::Closed)]), "{answers:?}");
    world.store.close().await;
}
