//! The state machine of a delivery: the one pure function through which its state changes.
//!
//! `docs/STATE_MACHINE.md` draws it. The store calls [`transition`] inside the transaction that reads the old
//! state and writes the new one; nothing else changes a state.

use std::time::Duration;

use crate::attempt::{Outcome, Trigger};
use crate::delivery::{DeliveryState, Reason, Status};
use crate::limits::{INTERRUPTIONS_MAX, RETRY_AFTER_MAX};
use crate::retry::RetryPolicy;
use crate::time::Timestamp;

/// How an attempt ended, as far as the state cares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptEnd<'a> {
    /// What set it off.
    pub trigger: Trigger,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended; waits count from here.
    pub ended_at: Timestamp,
    /// How it ended; never `interrupted`, which is [`Input::ClaimLapsed`].
    pub outcome: Outcome,
    /// The answer's status code.
    pub status_code: Option<u16>,
    /// The receiver answered 410 Gone.
    pub gone: bool,
    /// The moment that `Retry-After` of a 429 or 503 names.
    pub retry_after: Option<Timestamp>,
    /// The webhook's retry policy.
    pub policy: &'a RetryPolicy,
}

/// What can happen to a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input<'a> {
    /// A node takes it, to make the next attempt before the lease ends.
    Claim {
        /// Now.
        now: Timestamp,
        /// How long the claim holds.
        lease: Duration,
    },
    /// The holder gives it back unsent.
    Release,
    /// The lease ended without a result: the attempt may or may not have been sent.
    ClaimLapsed,
    /// The holder of the claim made an attempt.
    AttemptEnded(AttemptEnd<'a>),
    /// Somebody asks for a resend.
    Resend {
        /// Now.
        now: Timestamp,
    },
    /// Its webhook was disabled or deleted.
    Skip(Reason),
    /// It was kept as long as may be, and still waits.
    Expire,
    /// The result of a claim that another has taken the place of: it is history and nothing more.
    StaleAttempt,
}

/// Why something cannot happen to a delivery in its present state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It is not due, or held by another.
    #[error("the delivery is not due")]
    NotDue,
    /// Nobody holds it.
    #[error("the delivery is not claimed")]
    NotClaimed,
    /// Somebody holds it: what comes of that is to be waited for.
    #[error("the delivery is claimed")]
    Held,
    /// It has ended; there is nothing left to skip or to give up.
    #[error("the delivery is not waiting")]
    NotWaiting,
}

/// The state that follows `state` when `input` happens.
pub fn transition(state: &DeliveryState, input: &Input<'_>) -> Result<DeliveryState, Refusal> {
    match input {
        Input::Claim { now, lease } => claim(state, *now, *lease),
        Input::Release => {
            held(state)?;
            Ok(DeliveryState { claimed_until: None, ..*state })
        }
        Input::ClaimLapsed => lapse(state),
        Input::AttemptEnded(end) => {
            held(state)?;
            Ok(end_attempt(state, end))
        }
        // A person's word counts from now: a second press while an attempt runs asks for one more after it.
        Input::Resend { now } => Ok(DeliveryState { resend_at: Some(*now), ..*state }),
        Input::Skip(reason) => skip(state, *reason),
        Input::Expire => expire(state),
        Input::StaleAttempt => Ok(DeliveryState { last_number: state.last_number + 1, ..*state }),
    }
}

fn held(state: &DeliveryState) -> Result<(), Refusal> {
    state.claimed_until.map(drop).ok_or(Refusal::NotClaimed)
}

fn claim(state: &DeliveryState, now: Timestamp, lease: Duration) -> Result<DeliveryState, Refusal> {
    let is_free = state.claimed_until.is_none();
    if is_free && state.due_at().is_some_and(|due| due <= now) {
        Ok(DeliveryState {
            claim: state.claim.wrapping_add(1),
            claimed_until: Some(now + lease),
            // It was asked for before this claim, whatever a clock said that has stepped back since: the attempt answers it.
            resend_at: state.resend_at.map(|asked| asked.min(now)),
            ..*state
        })
    } else {
        Err(Refusal::NotDue)
    }
}

/// An unknown end is no automatic attempt of the policy, but five in a row are enough.
fn lapse(state: &DeliveryState) -> Result<DeliveryState, Refusal> {
    held(state)?;
    let interruptions = state.interruptions + 1;
    let next =
        DeliveryState { claimed_until: None, interruptions, last_number: state.last_number + 1, ..*state };
    if interruptions < INTERRUPTIONS_MAX {
        return Ok(next);
    }
    Ok(DeliveryState {
        status: Status::Failed,
        reason: Some(Reason::Interrupted),
        next_attempt_at: None,
        resend_at: None,
        ..next
    })
}

fn end_attempt(state: &DeliveryState, end: &AttemptEnd<'_>) -> DeliveryState {
    let counted = DeliveryState {
        claimed_until: None,
        interruptions: 0,
        last_number: state.last_number + 1,
        attempts: state.attempts + 1,
        responses: state.responses + u32::from(end.status_code.is_some()),
        last_status_code: end.status_code,
        auto_attempts: state.auto_attempts + u32::from(end.trigger != Trigger::Manual),
        // What was asked before this attempt began is answered by it; what was asked since is not.
        resend_at: state.resend_at.filter(|asked| end.trigger != Trigger::Manual || *asked > end.started_at),
        ..*state
    };
    if end.outcome == Outcome::Success {
        // Whoever asked before it began has what they wanted, whatever set it off.
        let resend_at = state.resend_at.filter(|asked| *asked > end.started_at);
        return DeliveryState {
            status: Status::Succeeded,
            reason: None,
            next_attempt_at: None,
            resend_at,
            ..counted
        };
    }
    if end.gone {
        return failed(counted, Some(Reason::WebhookGone));
    }
    match (end.trigger, state.status) {
        // Disabled while the attempt was in flight: it stays skipped, and the row says what came of it.
        (_, Status::Skipped) if end.trigger == Trigger::Auto => counted,
        (Trigger::Auto, _) => match end.policy.wait_after(counted.auto_attempts) {
            Some(wait) => retrying(counted, end, wait),
            None => failed(counted, None),
        },
        // A resend takes nothing from the automatic attempts that are still planned.
        (Trigger::Manual, Status::Pending | Status::Retrying) => {
            DeliveryState { status: Status::Retrying, ..counted }
        }
        (Trigger::Manual | Trigger::Test, _) => failed(counted, None),
    }
}

fn failed(state: DeliveryState, reason: Option<Reason>) -> DeliveryState {
    DeliveryState { status: Status::Failed, reason, next_attempt_at: None, ..state }
}

fn retrying(state: DeliveryState, end: &AttemptEnd<'_>, wait: Duration) -> DeliveryState {
    let by_policy = end.ended_at + wait;
    let by_receiver = end.retry_after.map(|at| at.min(end.ended_at + RETRY_AFTER_MAX));
    DeliveryState {
        status: Status::Retrying,
        reason: None,
        next_attempt_at: Some(by_receiver.map_or(by_policy, |at| at.max(by_policy))),
        ..state
    }
}

/// An open claim stays open: its attempt may be in flight, and an acknowledgement still counts.
fn skip(state: &DeliveryState, reason: Reason) -> Result<DeliveryState, Refusal> {
    if !state.is_waiting() {
        return Err(Refusal::NotWaiting);
    }
    let status = match state.status {
        Status::Pending | Status::Retrying => Status::Skipped,
        // Only a resend waited here; what was reached before it stands.
        ended @ (Status::Succeeded | Status::Failed | Status::Skipped) => ended,
    };
    let reason = if status == Status::Skipped { Some(reason) } else { state.reason };
    Ok(DeliveryState { status, reason, next_attempt_at: None, resend_at: None, ..*state })
}

/// Unlike skipping, this waits for an open claim to end or to lapse: the row goes next, and with it whatever an
/// attempt in flight would have to say.
fn expire(state: &DeliveryState) -> Result<DeliveryState, Refusal> {
    if state.claimed_until.is_some() {
        return Err(Refusal::Held);
    }
    if !state.is_waiting() {
        return Err(Refusal::NotWaiting);
    }
    Ok(match state.status {
        Status::Pending | Status::Retrying => {
            failed(DeliveryState { resend_at: None, ..*state }, Some(Reason::Expired))
        }
        // Only a resend waited here; what was reached before it stands.
        Status::Succeeded | Status::Failed | Status::Skipped => DeliveryState { resend_at: None, ..*state },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEASE: Duration = Duration::from_secs(45);
    const MINUTE: Duration = Duration::from_mins(1);
    const POLICY: RetryPolicy = RetryPolicy::Every { max_attempts: 3, interval: MINUTE };

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    #[expect(clippy::needless_pass_by_value, reason = "the calls read better")]
    fn step(state: DeliveryState, input: Input<'_>) -> DeliveryState {
        transition(&state, &input).unwrap_or_else(|refusal| panic!("{input:?} on {state:?}: {refusal}"))
    }

    fn claimed(state: DeliveryState, now: i64) -> DeliveryState {
        step(state, Input::Claim { now: at(now), lease: LEASE })
    }

    /// An attempt that takes one second and ends with this status code.
    fn end(trigger: Trigger, now: i64, code: u16) -> AttemptEnd<'static> {
        AttemptEnd {
            trigger,
            started_at: at(now),
            ended_at: at(now + 1),
            outcome: if code == 200 { Outcome::Success } else { Outcome::HttpError },
            status_code: Some(code),
            gone: code == 410,
            retry_after: None,
            policy: &POLICY,
        }
    }

    fn tried(state: DeliveryState, trigger: Trigger, now: i64, code: u16) -> DeliveryState {
        step(claimed(state, now), Input::AttemptEnded(end(trigger, now, code)))
    }

    fn failed_thrice() -> DeliveryState {
        let first = tried(DeliveryState::pending(at(0)), Trigger::Auto, 0, 500);
        let second = tried(first, Trigger::Auto, 61, 500);
        tried(second, Trigger::Auto, 122, 500)
    }

    #[test]
    fn a_failed_attempt_is_retried_after_the_interval_and_the_third_is_the_last() {
        let first = tried(DeliveryState::pending(at(0)), Trigger::Auto, 0, 500);
        assert_eq!((first.status, first.due_at()), (Status::Retrying, Some(at(61))));
        let second = tried(first, Trigger::Auto, 61, 500);
        assert_eq!((second.status, second.due_at()), (Status::Retrying, Some(at(122))));
        let third = tried(second, Trigger::Auto, 122, 500);
        assert_eq!((third.status, third.reason, third.due_at()), (Status::Failed, None, None));
        assert_eq!((third.attempts, third.responses, third.last_number), (3, 3, 3));
    }

    #[test]
    fn an_acknowledged_attempt_ends_a_delivery() {
        let done = tried(DeliveryState::pending(at(0)), Trigger::Auto, 0, 200);
        assert_eq!((done.status, done.due_at(), done.claimed_until), (Status::Succeeded, None, None));
    }

    #[test]
    fn an_attempt_without_an_answer_is_sent_but_not_answered() {
        let mut timeout = end(Trigger::Auto, 0, 500);
        (timeout.outcome, timeout.status_code) = (Outcome::Timeout, None);
        let state = step(claimed(DeliveryState::pending(at(0)), 0), Input::AttemptEnded(timeout));
        assert_eq!((state.attempts, state.responses, state.last_status_code), (1, 0, None));
        let answered = tried(state, Trigger::Auto, 61, 500);
        assert_eq!((answered.attempts, answered.responses, answered.last_status_code), (2, 1, Some(500)));
        let mut silent = end(Trigger::Auto, 122, 500);
        (silent.outcome, silent.status_code) = (Outcome::Timeout, None);
        let state = step(claimed(answered, 122), Input::AttemptEnded(silent));
        assert_eq!(state.last_status_code, None, "the last attempt had no answer");
    }

    #[test]
    fn a_delivery_is_claimed_only_when_due_and_by_one_at_a_time() {
        let pending = DeliveryState::pending(at(10));
        let early = Input::Claim { now: at(9), lease: LEASE };
        assert_eq!(transition(&pending, &early), Err(Refusal::NotDue));
        let held = claimed(pending, 10);
        assert_eq!(held.due_at(), Some(at(55)));
        let late = Input::Claim { now: at(100), lease: LEASE };
        assert_eq!(
            transition(&held, &late),
            Err(Refusal::NotDue),
            "a lapsed claim is first recorded as such"
        );
        assert_eq!(claimed(step(held, Input::ClaimLapsed), 100).claim, held.claim + 1);
    }

    #[test]
    fn a_claim_given_back_leaves_no_trace_but_its_number() {
        let pending = DeliveryState::pending(at(0));
        let back = step(claimed(pending, 0), Input::Release);
        assert_eq!(back, DeliveryState { claim: 1, ..pending });
    }

    #[test]
    fn an_interrupted_attempt_does_not_count_and_five_in_a_row_end_the_delivery() {
        let mut state = DeliveryState::pending(at(0));
        for round in 1..=4 {
            state = step(claimed(state, round), Input::ClaimLapsed);
            assert_eq!((state.status, state.due_at()), (Status::Pending, Some(at(0))), "round {round}");
        }
        assert_eq!((state.attempts, state.auto_attempts, state.last_number), (0, 0, 4));
        let ended = step(claimed(state, 9), Input::ClaimLapsed);
        assert_eq!(
            (ended.status, ended.reason, ended.due_at()),
            (Status::Failed, Some(Reason::Interrupted), None)
        );
        let asked = step(state, Input::Resend { now: at(8) });
        let ended = step(claimed(asked, 9), Input::ClaimLapsed);
        assert_eq!((ended.status, ended.due_at()), (Status::Failed, None), "what was asked for ends with it");
        let answered = tried(state, Trigger::Auto, 9, 500);
        assert_eq!(answered.interruptions, 0, "only a row without a break counts");
    }

    #[test]
    fn a_resend_after_failure_is_one_more_attempt_and_no_automatic_one() {
        let failed = failed_thrice();
        let asked = step(failed, Input::Resend { now: at(500) });
        assert_eq!((asked.status, asked.due_at()), (Status::Failed, Some(at(500))));
        assert_eq!(asked.next_trigger(false, at(500)), Trigger::Manual);
        let done = tried(asked, Trigger::Manual, 500, 200);
        assert_eq!((done.status, done.last_number, done.auto_attempts), (Status::Succeeded, 4, 3));
        assert_eq!(done.due_at(), None);
        let again = tried(asked, Trigger::Manual, 500, 500);
        assert_eq!((again.status, again.due_at()), (Status::Failed, None));
    }

    #[test]
    fn a_failed_resend_keeps_the_due_time_of_a_retrying_delivery() {
        let retrying = tried(DeliveryState::pending(at(0)), Trigger::Auto, 0, 500);
        let asked = step(retrying, Input::Resend { now: at(5) });
        let after = tried(asked, Trigger::Manual, 5, 500);
        assert_eq!((after.status, after.due_at(), after.auto_attempts), (Status::Retrying, Some(at(61)), 1));
    }

    #[test]
    fn a_failed_resend_of_a_pending_delivery_leaves_it_its_automatic_attempts() {
        let asked = step(DeliveryState::pending(at(0)), Input::Resend { now: at(5) });
        let after = tried(asked, Trigger::Manual, 5, 500);
        assert_eq!((after.status, after.due_at(), after.auto_attempts), (Status::Retrying, Some(at(0)), 0));
    }

    #[test]
    fn a_failed_resend_of_a_delivered_one_makes_it_failed() {
        let done = tried(DeliveryState::pending(at(0)), Trigger::Auto, 0, 200);
        let asked = step(done, Input::Resend { now: at(5) });
        assert_eq!(tried(asked, Trigger::Manual, 5, 500).status, Status::Failed);
    }

    #[test]
    fn a_failed_resend_of_a_skipped_one_makes_it_failed() {
        let skipped = DeliveryState::skipped(Some(Reason::WebhookDisabled));
        let failed = tried(step(skipped, Input::Resend { now: at(5) }), Trigger::Manual, 5, 500);
        assert_eq!((failed.status, failed.reason, failed.due_at()), (Status::Failed, None, None));
    }

    #[test]
    fn a_resend_asked_for_before_an_attempt_begins_is_answered_by_its_success() {
        for asked_at in [1, 2] {
            let in_a_lane = claimed(DeliveryState::pending(at(0)), 0);
            let asked = step(in_a_lane, Input::Resend { now: at(asked_at) });
            let done = step(asked, Input::AttemptEnded(end(Trigger::Auto, 2, 200)));
            assert_eq!((done.status, done.due_at()), (Status::Succeeded, None), "asked at {asked_at}");
        }
    }

    #[test]
    fn a_resend_asked_for_while_an_attempt_runs_is_made_after_it() {
        let running = claimed(DeliveryState::pending(at(0)), 0);
        let asked = step(running, Input::Resend { now: at(1) });
        assert_eq!(asked.due_at(), running.due_at(), "nobody else may take it meanwhile");
        let after = step(asked, Input::AttemptEnded(end(Trigger::Auto, 0, 200)));
        assert_eq!((after.status, after.due_at()), (Status::Succeeded, Some(at(1))));

        let manual = claimed(after, 2);
        let pressed_again = step(manual, Input::Resend { now: at(3) });
        let once_more = step(pressed_again, Input::AttemptEnded(end(Trigger::Manual, 2, 500)));
        assert_eq!((once_more.status, once_more.due_at()), (Status::Failed, Some(at(3))));
    }

    #[test]
    fn retry_after_pushes_the_next_attempt_but_never_pulls_it_and_at_most_a_day() {
        for (retry_after, due) in [(10, 61), (3_600, 3_600), (10_000_000, 1 + 86_400)] {
            let mut busy = end(Trigger::Auto, 0, 503);
            busy.retry_after = Some(at(retry_after));
            let state = step(claimed(DeliveryState::pending(at(0)), 0), Input::AttemptEnded(busy));
            assert_eq!(state.next_attempt_at, Some(at(due)), "Retry-After {retry_after}");
        }
    }

    #[test]
    fn a_receiver_that_is_gone_is_not_tried_again() {
        let state = tried(DeliveryState::pending(at(0)), Trigger::Auto, 0, 410);
        assert_eq!(
            (state.status, state.reason, state.due_at()),
            (Status::Failed, Some(Reason::WebhookGone), None)
        );
    }

    #[test]
    fn a_waiting_delivery_of_a_disabled_webhook_is_skipped_with_the_reason() {
        for waiting in
            [DeliveryState::pending(at(0)), tried(DeliveryState::pending(at(0)), Trigger::Auto, 0, 500)]
        {
            let skipped = step(waiting, Input::Skip(Reason::WebhookDisabled));
            assert_eq!(
                (skipped.status, skipped.reason, skipped.due_at()),
                (Status::Skipped, Some(Reason::WebhookDisabled), None)
            );
        }
        let done = tried(DeliveryState::pending(at(0)), Trigger::Auto, 0, 200);
        assert_eq!(transition(&done, &Input::Skip(Reason::WebhookDisabled)), Err(Refusal::NotWaiting));
    }

    #[test]
    fn skipping_takes_a_waiting_resend_and_leaves_what_was_reached_before_it() {
        let asked = step(failed_thrice(), Input::Resend { now: at(500) });
        let after = step(asked, Input::Skip(Reason::WebhookDeleted));
        assert_eq!((after.status, after.reason, after.due_at()), (Status::Failed, None, None));
    }

    #[test]
    fn an_attempt_in_flight_while_its_webhook_is_disabled_counts_if_it_is_acknowledged() {
        let running = claimed(DeliveryState::pending(at(0)), 0);
        let skipped = step(running, Input::Skip(Reason::WebhookDisabled));
        let acknowledged = step(skipped, Input::AttemptEnded(end(Trigger::Auto, 0, 200)));
        assert_eq!((acknowledged.status, acknowledged.reason), (Status::Succeeded, None));
        let refused = step(skipped, Input::AttemptEnded(end(Trigger::Auto, 0, 500)));
        assert_eq!(
            (refused.status, refused.reason, refused.due_at()),
            (Status::Skipped, Some(Reason::WebhookDisabled), None)
        );
    }

    #[test]
    fn what_still_waits_when_its_time_is_over_has_failed() {
        for waiting in [
            DeliveryState::pending(at(0)),
            tried(DeliveryState::pending(at(0)), Trigger::Auto, 0, 500),
            step(DeliveryState::pending(at(0)), Input::Resend { now: at(5) }),
        ] {
            let expired = step(waiting, Input::Expire);
            assert_eq!(
                (expired.status, expired.reason, expired.due_at()),
                (Status::Failed, Some(Reason::Expired), None)
            );
            assert_eq!((expired.attempts, expired.last_number), (waiting.attempts, waiting.last_number));
        }
    }

    #[test]
    fn what_is_claimed_does_not_expire_before_its_claim_has_ended() {
        let held = claimed(DeliveryState::pending(at(0)), 0);
        assert_eq!(transition(&held, &Input::Expire), Err(Refusal::Held));
        let lapsed = step(held, Input::ClaimLapsed);
        let expired = step(lapsed, Input::Expire);
        assert_eq!((expired.status, expired.reason), (Status::Failed, Some(Reason::Expired)));
        let late = Input::AttemptEnded(end(Trigger::Auto, 0, 200));
        assert_eq!(transition(&expired, &late), Err(Refusal::NotClaimed), "its result is only history");
    }

    #[test]
    fn expiring_takes_a_waiting_resend_and_leaves_what_was_reached_before_it() {
        let done = tried(DeliveryState::pending(at(0)), Trigger::Auto, 0, 200);
        let after = step(step(done, Input::Resend { now: at(500) }), Input::Expire);
        assert_eq!(after, done);
        assert_eq!(transition(&done, &Input::Expire), Err(Refusal::NotWaiting));
    }

    /// Else an attempt would begin before what it answers, and the next would come at once; or what a disabled webhook still
    /// gets would be taken and given back, over and over, for as long as the clock was behind.
    #[test]
    fn a_resend_by_a_clock_that_was_ahead_is_answered_by_the_next_attempt_that_is_due() {
        let asked = step(DeliveryState::pending(at(0)), Input::Resend { now: at(3600) });
        assert_eq!(asked.due_at(), Some(at(0)));
        assert_eq!(claimed(asked, 10).next_trigger(false, at(10)), Trigger::Manual);
        let failed = tried(asked, Trigger::Manual, 10, 500);
        assert_eq!((failed.resend_at, failed.due_at(), failed.auto_attempts), (None, Some(at(0)), 0));
        assert_eq!(claimed(failed, 11).next_trigger(false, at(11)), Trigger::Auto);
    }

    #[test]
    fn a_test_is_tried_once() {
        let test = DeliveryState::pending(at(0));
        assert_eq!(test.next_trigger(true, at(0)), Trigger::Test);
        let state = tried(test, Trigger::Test, 0, 500);
        assert_eq!((state.status, state.due_at()), (Status::Failed, None));
    }

    #[test]
    fn a_stale_result_is_a_row_of_the_history_and_moves_nothing() {
        let state = claimed(DeliveryState::pending(at(0)), 0);
        let after = step(state, Input::StaleAttempt);
        assert_eq!(after, DeliveryState { last_number: 1, ..state });
    }
}
