//! Resends of many deliveries.

use std::sync::Arc;
use std::time::Duration;

use bocau_domain::limits::{RESEND_JOB_LIFETIME, RESEND_JOBS_RUNNING_MAX};
use bocau_domain::{DeliveryId, ResendJobId, ResendJobState, Status, Trigger, WebhookId};

use super::world::{BY, INTERVAL, World, shop_id};
use crate::{Advanced, DeliveryFilter, NewResendJob, NotChanged, ResendJob, Store};

/// So many deliveries of a webhook that failed once and for good.
pub(super) async fn fail(world: &World, webhook: WebhookId, count: usize) -> Vec<DeliveryId> {
    let events: Vec<_> = (0..count).map(|_| world.event(&[webhook])).collect();
    let ids = events.iter().map(|event| event.deliveries[0].id).collect();
    world.write(events).await;
    for _ in 0..3 {
        for claimed in world.claim(webhook, count).await {
            world.record(world.attempt(&claimed, 500)).await;
        }
        world.pass(INTERVAL * 2);
    }
    ids
}

fn failed() -> DeliveryFilter {
    DeliveryFilter { status: Some(Status::Failed), ..DeliveryFilter::default() }
}

async fn try_begin(world: &World, filter: DeliveryFilter) -> Result<ResendJob, NotChanged> {
    let id = world.ids.resend_job_id();
    let job = NewResendJob { id, store: world.shop.clone(), filter, created_at: world.now() };
    world.store.create_resend_job(job, BY).await.expect("works")
}

/// Begins a job.
pub(super) async fn begin(world: &World, filter: DeliveryFilter) -> ResendJob {
    try_begin(world, filter).await.expect("begun")
}

async fn advance(world: &World, id: ResendJobId, batch_max: usize) -> Advanced {
    world.store.advance_resend_job(id, batch_max, world.now()).await.expect("works").expect("there")
}

/// Goes on until it has ended.
pub(super) async fn finish(world: &World, id: ResendJobId, batch_max: usize) -> ResendJob {
    loop {
        let job = advance(world, id, batch_max).await.job;
        if job.state != ResendJobState::Running {
            return job;
        }
    }
}

async fn waiting(world: &World) -> Vec<DeliveryId> {
    let all = world.all_deliveries().await;
    let mut waiting: Vec<_> =
        all.iter().filter(|one| one.state.resend_at.is_some()).map(|one| one.id).collect();
    waiting.reverse();
    waiting
}

/// The oldest first, and nothing that came later.
pub async fn a_job_asks_for_each_of_its_deliveries_once(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let webhook = world.make_webhook().await;
    let ids = fail(&world, webhook, 7).await;
    world.send(webhook).await;
    world.try_once(webhook, 200).await;
    let job = begin(&world, failed()).await;
    assert_eq!((job.total, job.done, job.state, job.cursor), (7, 0, ResendJobState::Running, None));
    let later = fail(&world, webhook, 2).await;

    let first = advance(&world, job.id, 3).await;
    assert_eq!((first.job.done, first.job.cursor, first.webhooks), (3, Some(ids[2]), vec![webhook]));
    assert_eq!(waiting(&world).await, ids[..3]);
    assert_eq!(finish(&world, job.id, 3).await.done, 7);
    assert_eq!(waiting(&world).await, ids);
    let again = advance(&world, job.id, 3).await;
    assert!(again.webhooks.is_empty() && again.job.state == ResendJobState::Done);

    let claimed = world.claim(webhook, 100).await;
    assert!(claimed.len() == 7 && claimed.iter().all(|one| one.trigger == Trigger::Manual), "{claimed:?}");
    assert!(later.iter().all(|id| !claimed.iter().any(|one| one.claim.delivery == *id)));
}

/// Nor for what has nowhere to go.
pub async fn a_job_leaves_alone_what_no_longer_fits(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let webhooks = [world.make_webhook().await, world.make_webhook().await, world.make_webhook().await];
    let mut ids = Vec::new();
    for webhook in webhooks {
        ids.push(fail(&world, webhook, 2).await);
    }
    world.write(vec![world.event(&[])]).await;
    world.delete_webhook(webhooks[0]).await;
    let all = DeliveryFilter::default();
    assert_eq!(world.store.count_resendable(&world.shop, all.clone()).await.expect("works"), 4);
    assert_eq!(world.store.count_resendable(&world.shop, failed()).await.expect("works"), 4);
    assert_eq!(world.store.count_resendable(&shop_id("nobody"), all).await.expect("works"), 0);
    let job = begin(&world, failed()).await;
    assert_eq!(job.total, 4);
    // One gets through meanwhile, and a webhook goes.
    world.store.request_resend(&world.shop, ids[1][0], world.now()).await.expect("works");
    world.try_once(webhooks[1], 200).await;
    world.delete_webhook(webhooks[2]).await;
    let done = finish(&world, job.id, 1).await;
    assert_eq!((done.total, done.done), (4, 1));
    assert_eq!(waiting(&world).await, ids[1][1..]);
}

/// What was looked up before is looked at again when it is written.
pub async fn two_that_advance_a_job_at_once_ask_for_nothing_twice(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let webhook = world.make_webhook().await;
    let ids = fail(&world, webhook, 20).await;
    let job = begin(&world, failed()).await.id;
    let (one, two, three) =
        tokio::join!(finish(&world, job, 3), finish(&world, job, 3), finish(&world, job, 3));
    assert!([one, two, three].iter().all(|job| job.done == 20));
    assert_eq!(waiting(&world).await, ids);
}

/// What was asked for before is still sent.
pub async fn a_job_that_was_stopped_asks_for_nothing_more(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let webhook = world.make_webhook().await;
    fail(&world, webhook, 5).await;
    let job = begin(&world, failed()).await;
    advance(&world, job.id, 2).await;
    let other = shop_id("600");
    let stop = |shop| world.store.stop_resend_job(shop, job.id, BY, world.now());
    assert_eq!(stop(&other).await.expect("works"), None);
    let stopped = stop(&world.shop).await.expect("works").expect("there");
    assert_eq!((stopped.state, stopped.done, stopped.total), (ResendJobState::Stopped, 2, 5));
    let after = advance(&world, job.id, 2).await;
    assert_eq!(after, Advanced { job: stopped.clone(), webhooks: vec![] });
    assert_eq!(stop(&world.shop).await.expect("works"), Some(stopped));
    assert_eq!(world.claim(webhook, 10).await.len(), 2);

    let done = begin(&world, failed()).await.id;
    let done = finish(&world, done, 100).await;
    let stopped = world.store.stop_resend_job(&world.shop, done.id, BY, world.now()).await;
    assert_eq!(stopped.expect("works"), Some(done), "what is done stays done");
}

/// With all that was asked.
pub async fn jobs_are_listed_newest_first_and_belong_to_their_store(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let webhook = world.make_webhook().await;
    fail(&world, webhook, 1).await;
    let filter = DeliveryFilter {
        types: Some(vec!["order.created".parse().expect("a type")]),
        status: Some(Status::Failed),
        object_id: "208610".parse().ok(),
        webhook_id: Some(webhook),
        from: Some(world.now() - Duration::from_hours(1)),
        to: Some(world.now()),
    };
    let (first, second) = (begin(&world, filter.clone()).await, begin(&world, failed()).await);
    assert_eq!((first.total, &first.filter), (1, &filter));
    let store = &world.store;
    let list = |limit| store.list_resend_jobs(&world.shop, limit);
    assert_eq!(list(10).await.expect("works"), [second.clone(), first.clone()]);
    assert_eq!(list(1).await.expect("works"), std::slice::from_ref(&second));
    assert_eq!(store.find_resend_job(&world.shop, first.id).await.expect("works"), Some(first.clone()));
    assert_eq!(store.running_resend_jobs().await.expect("works"), [first.clone(), second.clone()]);
    finish(&world, first.id, 10).await;
    assert_eq!(store.running_resend_jobs().await.expect("works"), std::slice::from_ref(&second));

    let other = shop_id("600");
    world.make_shop(&other).await;
    assert_eq!(store.find_resend_job(&other, first.id).await.expect("works"), None);
    assert!(store.list_resend_jobs(&other, 10).await.expect("works").is_empty());
    assert_eq!(
        store.advance_resend_job(world.ids.resend_job_id(), 1, world.now()).await.expect("works"),
        None
    );
    world.delete_shop().await;
    assert!(store.running_resend_jobs().await.expect("works").is_empty());
    assert_eq!(store.advance_resend_job(second.id, 1, world.now()).await.expect("works"), None);
}

/// The rest may begin when one has ended; long afterwards they are forgotten.
pub async fn five_jobs_of_a_store_run_at_once_at_most(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let mut jobs = Vec::new();
    for _ in 0..RESEND_JOBS_RUNNING_MAX {
        jobs.push(begin(&world, failed()).await.id);
    }
    assert_eq!(try_begin(&world, failed()).await, Err(NotChanged::TooMany));
    assert_eq!(finish(&world, jobs[0], 10).await.total, 0);
    begin(&world, failed()).await;
    world.pass(RESEND_JOB_LIFETIME + Duration::from_secs(1));
    world.sweep().await;
    let left = world.store.list_resend_jobs(&world.shop, 10).await.expect("works");
    assert_eq!(left.len(), RESEND_JOBS_RUNNING_MAX, "those that run stay");
    let lost = NewResendJob {
        id: world.ids.resend_job_id(),
        store: shop_id("nobody"),
        filter: failed(),
        created_at: world.now(),
    };
    assert_eq!(world.store.create_resend_job(lost, BY).await.expect("works"), Err(NotChanged::NotFound));
}

/// In each walk that the filters choose.
pub async fn a_job_finds_what_the_list_finds(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let [webhook, _] = super::listing::fill(&world).await;
    for filter in super::listing::some_filters(webhook) {
        let listed = super::listing::list_all(&world, &filter).await;
        let expected = listed.iter().filter(|delivery| delivery.webhook_id.is_some()).count() as u64;
        let job = begin(&world, filter.clone()).await;
        assert_eq!(job.total, expected, "{filter:?}");
        assert_eq!(finish(&world, job.id, 4).await.done, expected, "{filter:?}");
    }
}
