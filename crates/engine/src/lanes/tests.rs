//! What the lanes promise, without time or network.

use std::collections::HashMap;

use bocau_domain::{DeliveryId, EventId};
use bocau_store::ClaimRef;
use bytes::Bytes;
use proptest::prelude::*;

use super::*;

const MILLI: Duration = Duration::from_millis(1);
const LEASE_END: Timestamp = Timestamp::from_millis(45_000);
const WIDE: LaneLimits = LaneLimits { per_webhook: 10, total: 100, bytes: 1_000_000 };

fn webhook(number: u8) -> WebhookId {
    WebhookId::from_bytes([number; 16])
}

/// A delivery whose number can be read back.
fn claimed(to: u8, number: u32) -> Claimed {
    let mut id = [0; 16];
    id[12..].copy_from_slice(&number.to_be_bytes());
    Claimed {
        claim: ClaimRef {
            store: format!("store-{to}").parse().expect("a store id"),
            delivery: DeliveryId::from_bytes(id),
            claim: 1,
        },
        lease_until: LEASE_END,
        webhook: webhook(to),
        event: EventId::from_bytes(id),
        event_type: "order.created".parse().expect("a type"),
        object_id: "1".parse().expect("an object id"),
        payload: Bytes::from_static(b"0123456789"),
        trigger: Trigger::Auto,
        number: 1,
    }
}

fn number_of(claimed: &Claimed) -> u32 {
    u32::from_be_bytes(claimed.claim.delivery.as_bytes()[12..].try_into().expect("four bytes"))
}

/// Some delivery of this lane is done.
fn finish(table: &mut LaneTable, lane: u8, was_failing: bool, result: Option<(bool, Duration)>) {
    table.finish(&claimed(lane, 0), was_failing, result);
}

fn table(limits: LaneLimits) -> LaneTable {
    LaneTable::new(limits)
}

/// A table whose lanes `1..=lanes` have `each` deliveries waiting.
fn filled(limits: LaneLimits, lanes: u8, each: u32) -> LaneTable {
    let mut table = table(limits);
    for lane in 1..=lanes {
        for number in 0..each {
            table.push(claimed(lane, number));
        }
    }
    table
}

/// Takes out whatever may go now.
fn take_all(table: &mut LaneTable) -> Vec<Turn> {
    std::iter::from_fn(|| table.next_turn()).collect()
}

fn count_of(turns: &[Turn], lane: u8) -> usize {
    turns.iter().filter(|turn| turn.claimed.webhook == webhook(lane)).count()
}

/// Marks a lane as one whose last attempt failed.
fn make_failing(table: &mut LaneTable, lane: u8) {
    table.push(claimed(lane, u32::MAX));
    let turn = table.next_turn().expect("its turn");
    assert_eq!(turn.claimed.webhook, webhook(lane));
    finish(table, lane, turn.was_failing, Some((true, MILLI)));
}

#[test]
fn each_lane_gives_one_delivery_per_turn() {
    let mut table = filled(WIDE, 3, 4);
    let order: Vec<WebhookId> = take_all(&mut table).iter().map(|turn| turn.claimed.webhook).collect();
    let rounds = [1, 2, 3].map(webhook).repeat(4);
    assert_eq!(order, rounds);
}

#[test]
fn a_lane_gives_its_deliveries_in_the_order_they_came() {
    let mut table = filled(WIDE, 1, 5);
    let numbers: Vec<u32> = take_all(&mut table).iter().map(|turn| number_of(&turn.claimed)).collect();
    assert_eq!(numbers, [0, 1, 2, 3, 4]);
}

#[test]
fn a_webhook_has_at_most_its_limit_in_flight() {
    let mut table = filled(LaneLimits { per_webhook: 3, ..WIDE }, 1, 10);
    assert_eq!(take_all(&mut table).len(), 3);
    finish(&mut table, 1, false, Some((false, MILLI)));
    assert_eq!(take_all(&mut table).len(), 1, "a place that is given back is taken again");
}

#[test]
fn all_webhooks_together_have_at_most_the_limit_in_flight() {
    let mut table = filled(LaneLimits { total: 7, ..WIDE }, 5, 5);
    assert_eq!(take_all(&mut table).len(), 7);
    assert_eq!(table.counts(), (7, 18));
}

#[test]
fn failing_webhooks_share_at_most_half_of_the_places() {
    let mut table = table(LaneLimits { total: 8, ..WIDE });
    for lane in 1..=3 {
        make_failing(&mut table, lane);
    }
    for number in 0..30 {
        table.push(claimed(number % 3 + 1, number.into()));
    }
    assert_eq!(take_all(&mut table).len(), 4, "the other half is kept free for healthy ones");
    for number in 0..10 {
        table.push(claimed(8 + (number % 2) as u8, number));
    }
    assert_eq!(take_all(&mut table).len(), 4);
}

#[test]
fn many_webhooks_that_hang_leave_places_for_everybody_else() {
    let limits = LaneLimits::default();
    let mut table = filled(limits, 100, 50);
    let hanging = take_all(&mut table);
    assert!(hanging.len() < limits.total - 50, "{}", hanging.len());
    for number in 0..50 {
        table.push(claimed(200, number));
    }
    assert!(count_of(&take_all(&mut table), 200) >= 1);
    finish(&mut table, 200, false, Some((false, MILLI)));
    assert_eq!(count_of(&take_all(&mut table), 200), 1, "and it goes on, one after the other");
}

#[test]
fn a_store_always_leaves_places_to_the_others() {
    let limits = LaneLimits { per_webhook: 10, total: 60, bytes: 1_000_000 };
    let mut table = table(limits);
    let of = |store: &str, lane: u8, number: u32| {
        let mut of = claimed(lane, number);
        of.claim.store = store.parse().expect("a store id");
        of
    };
    for number in 0..300 {
        table.push(of("greedy", (number % 100) as u8 + 1, number));
    }
    let greedy = take_all(&mut table);
    assert_eq!(greedy.len(), 45, "three quarters, although it has a hundred webhooks");
    table.push(of("small", 200, 0));
    let small = take_all(&mut table);
    assert_eq!(small.len(), 1);

    let mut in_flight: Vec<Turn> = greedy.into_iter().chain(small).collect();
    let mut done = 0;
    while let Some(turn) = in_flight.pop() {
        table.finish(&turn.claimed, turn.was_failing, Some((false, MILLI)));
        done += 1;
        in_flight.extend(take_all(&mut table));
    }
    assert_eq!(done, 301, "lanes that had to wait for their store come back");
    assert!(table.stores.is_empty());
}

#[test]
fn a_lone_busy_webhook_has_all_its_places() {
    let mut table = filled(LaneLimits::default(), 1, 50);
    assert_eq!(take_all(&mut table).len(), LaneLimits::default().per_webhook);
}

#[test]
fn the_only_place_may_go_to_a_failing_webhook() {
    let mut table = table(LaneLimits { total: 1, ..WIDE });
    make_failing(&mut table, 1);
    table.push(claimed(1, 0));
    assert_eq!(take_all(&mut table).len(), 1);
}

#[test]
fn failing_and_healthy_webhooks_take_turns() {
    let mut table = table(LaneLimits { total: 100, ..WIDE });
    for lane in 1..=3 {
        make_failing(&mut table, lane);
    }
    for number in 0..6 {
        table.push(claimed(1, number));
        table.push(claimed(2, number));
        table.push(claimed(9, number));
    }
    let was_failing: Vec<bool> = take_all(&mut table).iter().map(|turn| turn.was_failing).collect();
    let first: usize = was_failing.iter().take(12).filter(|failing| **failing).count();
    assert_eq!(first, 6, "one after the other while both have some: {was_failing:?}");
}

#[test]
fn a_webhook_that_recovers_counts_as_healthy_from_then_on() {
    let mut table = table(WIDE);
    make_failing(&mut table, 1);
    table.push(claimed(1, 0));
    let turn = table.next_turn().expect("its turn");
    assert!(turn.was_failing);
    finish(&mut table, 1, turn.was_failing, Some((false, MILLI)));
    for number in 1..=8 {
        table.push(claimed(1, number));
    }
    let turns = take_all(&mut table);
    assert_eq!(turns.len(), 8);
    assert!(turns.iter().all(|turn| !turn.was_failing));
}

#[test]
fn a_webhook_that_recovers_does_not_wait_behind_failing_ones() {
    let mut table = table(LaneLimits { total: 4, ..WIDE });
    // One attempt of the webhook is in flight when another fails, and more is waiting.
    table.push(claimed(1, 0));
    table.push(claimed(1, 1));
    let turns = take_all(&mut table);
    finish(&mut table, 1, turns[0].was_failing, Some((true, MILLI)));
    // Meanwhile receivers that hang take up the failing ones' half.
    make_failing(&mut table, 2);
    for number in 0..4 {
        table.push(claimed(2, number));
    }
    assert_eq!(count_of(&take_all(&mut table), 2), 2);
    table.push(claimed(1, 2));
    assert!(table.next_turn().is_none(), "it counts as failing, and their half is taken");
    finish(&mut table, 1, turns[1].was_failing, Some((false, MILLI)));
    assert_eq!(count_of(&take_all(&mut table), 1), 1);
}

#[test]
fn a_webhook_that_fails_gives_way_at_once() {
    let mut table = table(LaneLimits { total: 4, ..WIDE });
    for number in 0..10 {
        table.push(claimed(1, number));
    }
    let turn = table.next_turn().expect("its turn");
    finish(&mut table, 1, turn.was_failing, Some((true, MILLI)));
    let turns = take_all(&mut table);
    assert_eq!(turns.len(), 2, "half of four");
    assert!(turns.iter().all(|turn| turn.was_failing));
}

#[test]
fn what_a_person_waits_for_goes_to_the_front() {
    let mut table = filled(WIDE, 1, 3);
    table.push(Claimed { trigger: Trigger::Manual, ..claimed(1, 7) });
    table.push(Claimed { trigger: Trigger::Test, ..claimed(1, 8) });
    let numbers: Vec<u32> = take_all(&mut table).iter().map(|turn| number_of(&turn.claimed)).collect();
    assert_eq!(numbers, [8, 7, 0, 1, 2]);
}

#[test]
fn lanes_hold_a_bounded_number_of_bytes() {
    let mut table = table(LaneLimits { bytes: 25, ..WIDE });
    assert!(table.reserve(webhook(1), 10));
    table.push(claimed(1, 0));
    assert_eq!(table.bytes_left(), 5);
    assert!(!table.reserve(webhook(1), 10));
    table.cancel(webhook(1), 10);
    assert!(table.reserve(webhook(1), 10));
}

#[test]
fn where_the_bytes_are_used_up_a_lane_with_nothing_waiting_takes_one_delivery_in() {
    let mut table = table(LaneLimits { bytes: 20, ..WIDE });
    table.push(claimed(1, 0));
    table.push(claimed(1, 1));
    assert_eq!((table.room(webhook(1)), table.room(webhook(2))), (0, 1));
    assert!(table.reserve(webhook(2), 10));
    assert!(!table.reserve(webhook(2), 10), "one is enough to go on");
    assert!(table.reserve(webhook(3), 10));
    assert!(!table.reserve(webhook(4), 10), "and double is the end");
    assert_eq!((table.room(webhook(4)), table.bytes_left()), (0, 0));
}

#[test]
fn a_payload_larger_than_all_lanes_may_hold_passes_alone() {
    let mut table = table(LaneLimits { bytes: 5, ..WIDE });
    assert!(table.reserve(webhook(1), 10));
    assert!(!table.reserve(webhook(1), 1));
    table.push_reserved(claimed(1, 0));
    assert_eq!(table.bytes_left(), 0);
    assert!(table.next_turn().is_some());
    assert_eq!(table.bytes_left(), 5, "what is in flight no longer counts");
}

#[test]
fn a_slow_webhook_takes_fewer_deliveries_in() {
    let mut table = table(WIDE);
    let before = table.room(webhook(1));
    assert_eq!(before, 500, "5 s of attempts that are taken to last 100 ms, ten at a time");
    for _ in 0..50 {
        table.push(claimed(1, 0));
        table.next_turn().expect("its turn");
        finish(&mut table, 1, false, Some((false, Duration::from_secs(10))));
    }
    assert_eq!(table.room(webhook(1)), 10, "never fewer than it may have in flight, also after it ran empty");
}

#[test]
fn a_fast_webhook_takes_more_deliveries_in() {
    let mut table = table(WIDE);
    table.push(claimed(1, 0));
    table.push(claimed(1, 1));
    table.next_turn().expect("its turn");
    finish(&mut table, 1, false, Some((false, MILLI)));
    assert_eq!(table.room(webhook(1)), LANE_WAITING_MAX - 1);
}

#[test]
fn a_full_lane_promises_no_place() {
    let limits = LaneLimits { per_webhook: 1, ..WIDE };
    let mut table = table(limits);
    for _ in 0..50 {
        assert!(table.reserve(webhook(1), 1));
    }
    assert!(!table.reserve(webhook(1), 1));
    assert!(table.reserve(webhook(2), 1), "another lane has room of its own");
}

#[test]
fn a_lane_wants_more_once_it_is_half_empty() {
    let mut table = filled(LaneLimits { per_webhook: 1, ..WIDE }, 1, 26);
    assert!(!table.wants_more(webhook(1)));
    table.next_turn().expect("its turn");
    assert!(table.wants_more(webhook(1)));
}

#[test]
fn purging_a_lane_takes_out_what_waits_and_nothing_else() {
    let mut table = filled(LaneLimits { per_webhook: 2, ..WIDE }, 2, 5);
    take_all(&mut table);
    let purged = table.purge(webhook(1));
    assert_eq!(purged.iter().map(number_of).collect::<Vec<_>>(), [2, 3, 4]);
    assert_eq!(table.counts(), (4, 3));
    assert_eq!(table.bytes_left(), WIDE.bytes - 30);
    finish(&mut table, 1, false, Some((false, MILLI)));
    assert!(table.next_turn().is_none(), "nothing of the purged lane is left");
}

#[test]
fn purging_all_leaves_what_is_in_flight() {
    let mut table = filled(LaneLimits { total: 2, ..WIDE }, 3, 2);
    take_all(&mut table);
    assert_eq!(table.purge_all().len(), 4);
    assert_eq!((table.counts(), table.bytes_left()), ((2, 0), WIDE.bytes));
}

#[test]
fn what_could_not_start_in_time_is_taken_out_and_the_rest_keeps_its_order() {
    let mut table = table(WIDE);
    for number in 0..6 {
        let lease_until = if number % 2 == 0 { LEASE_END } else { LEASE_END + MILLI };
        table.push(Claimed { lease_until, ..claimed(1, number) });
    }
    let lapsing: Vec<u32> = table.purge_lapsing(LEASE_END + MILLI).iter().map(number_of).collect();
    assert_eq!(lapsing, [0, 2, 4]);
    let kept: Vec<u32> = take_all(&mut table).iter().map(|turn| number_of(&turn.claimed)).collect();
    assert_eq!(kept, [1, 3, 5]);
}

#[test]
fn lanes_that_are_over_leave_nothing_behind() {
    let mut table = filled(WIDE, 3, 3);
    for turn in take_all(&mut table) {
        table.finish(&turn.claimed, turn.was_failing, Some((false, MILLI)));
    }
    assert!(table.reserve(webhook(4), 1));
    table.cancel(webhook(4), 1);
    assert!(take_all(&mut table).is_empty());
    let idle = |lane: &Lane| lane.is_idle() && lane.latency.is_some();
    assert!(table.lanes.values().all(idle), "only their latency is remembered: {:?}", table.lanes);
    assert_eq!(table.lanes.len(), 3);
}

#[test]
fn a_failing_lane_whose_webhook_stopped_leaves_nothing_behind() {
    let mut table = table(WIDE);
    make_failing(&mut table, 1);
    table.purge(webhook(1));
    assert!(table.lanes.is_empty(), "{:?}", table.lanes);
}

/// What can happen to the lanes; the numbers choose among what is there.
#[derive(Debug, Clone)]
enum Step {
    Reserve(u8),
    Commit(usize),
    Cancel(usize),
    Claim(u8),
    Next,
    Finish(usize, Option<bool>),
    Purge(u8),
    PurgeLapsing,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let lane = || 1..=4_u8;
    let step = prop_oneof![
        4 => lane().prop_map(Step::Reserve),
        3 => any::<usize>().prop_map(Step::Commit),
        1 => any::<usize>().prop_map(Step::Cancel),
        3 => lane().prop_map(Step::Claim),
        8 => Just(Step::Next),
        6 => (any::<usize>(), any::<Option<bool>>()).prop_map(|(which, end)| Step::Finish(which, end)),
        1 => lane().prop_map(Step::Purge),
        1 => Just(Step::PurgeLapsing),
    ];
    prop::collection::vec(step, 0..200)
}

/// What should be where.
#[derive(Default)]
struct Model {
    promised: Vec<u8>,
    waiting: HashMap<u32, u8>,
    in_flight: Vec<(u8, bool)>,
    last: u32,
}

impl Model {
    fn deliver(&mut self, to: u8) -> Claimed {
        self.last += 1;
        self.waiting.insert(self.last, to);
        let lease_until = if self.last.is_multiple_of(3) { Timestamp::default() } else { LEASE_END };
        Claimed { lease_until, ..claimed(to, self.last) }
    }

    fn take(&mut self, claimed: &Claimed) -> u8 {
        self.waiting.remove(&number_of(claimed)).expect("it was waiting, and is taken out once")
    }
}

fn run(table: &mut LaneTable, model: &mut Model, step: &Step) {
    let pick = |which: usize, count: usize| (count > 0).then(|| which % count);
    match *step {
        Step::Reserve(lane) => {
            if table.reserve(webhook(lane), 10) {
                model.promised.push(lane);
            }
        }
        Step::Commit(which) => {
            if let Some(index) = pick(which, model.promised.len()) {
                let lane = model.promised.swap_remove(index);
                table.push_reserved(model.deliver(lane));
            }
        }
        Step::Cancel(which) => {
            if let Some(index) = pick(which, model.promised.len()) {
                table.cancel(webhook(model.promised.swap_remove(index)), 10);
            }
        }
        Step::Claim(lane) => {
            if table.room(webhook(lane)) > 0 {
                table.push(model.deliver(lane));
            }
        }
        Step::Next => {
            if let Some(turn) = table.next_turn() {
                let lane = model.take(&turn.claimed);
                model.in_flight.push((lane, turn.was_failing));
            }
        }
        Step::Finish(which, end) => {
            if let Some(index) = pick(which, model.in_flight.len()) {
                let (lane, was_failing) = model.in_flight.swap_remove(index);
                finish(table, lane, was_failing, end.map(|failed| (failed, MILLI)));
            }
        }
        Step::Purge(lane) => {
            for claimed in table.purge(webhook(lane)) {
                assert_eq!(model.take(&claimed), lane);
            }
            assert!(!model.waiting.values().any(|waiting| *waiting == lane));
        }
        Step::PurgeLapsing => {
            for claimed in table.purge_lapsing(LEASE_END) {
                assert_eq!(number_of(&claimed) % 3, 0);
                model.take(&claimed);
            }
        }
    }
}

fn check(table: &LaneTable, model: &Model, limits: LaneLimits) {
    assert_eq!(table.counts(), (model.in_flight.len(), model.waiting.len()));
    let bytes = 10 * (model.waiting.len() + model.promised.len());
    assert_eq!(table.bytes, bytes);
    assert!(model.in_flight.len() <= limits.total);
    let failing = model.in_flight.iter().filter(|(_, was_failing)| *was_failing).count();
    assert!(failing <= limits.total.div_ceil(2));
    for lane in 1..=4 {
        let in_flight = model.in_flight.iter().filter(|(of, _)| *of == lane).count();
        assert!(in_flight <= limits.per_webhook);
    }
}

proptest! {
    #[test]
    fn whatever_happens_nothing_is_lost_or_doubled_and_no_limit_is_passed(steps in steps()) {
        let limits = LaneLimits { per_webhook: 2, total: 5, bytes: 1_000_000 };
        let (mut table, mut model) = (table(limits), Model::default());
        for step in steps {
            run(&mut table, &mut model, &step);
            check(&table, &model, limits);
        }
        // Whatever state was reached, what waits gets its turn.
        while let Some(lane) = model.promised.pop() {
            table.cancel(webhook(lane), 10);
        }
        while !model.waiting.is_empty() || !model.in_flight.is_empty() {
            while let Some(turn) = table.next_turn() {
                let lane = model.take(&turn.claimed);
                model.in_flight.push((lane, turn.was_failing));
            }
            let (lane, was_failing) = model.in_flight.pop().expect("nothing waits for ever");
            finish(&mut table, lane, was_failing, Some((false, MILLI)));
        }
        assert_eq!((table.counts(), table.bytes_left()), ((0, 0), limits.bytes));
        prop_assert!(table.next_turn().is_none());
        prop_assert!(table.lanes.values().all(Lane::is_idle), "{:?}", table.lanes);
    }
}
