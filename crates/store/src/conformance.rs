//! The suite that every backend passes: statements about the product, over `Arc<dyn Store>` alone.
//!
//! [`conformance_suite!`](crate::conformance_suite) makes a test of each case. Time is always passed in;
//! nothing sleeps. The cases stand in one file per subject, [`world`] is what they share.

pub mod audit;
pub mod claims;
pub mod configuration;
pub mod erasure;
pub mod figures;
pub mod history;
pub mod house;
pub mod inboxes;
pub mod journal;
pub mod keys;
pub mod listing;
pub mod nodes;
pub mod people;
pub mod resend_jobs;
pub mod resends;
pub mod retention;
pub mod world;

/// Makes a `#[tokio::test]` of every case. `$make_store` is an async function that makes an empty store and
/// answers `(guard, Arc<dyn Store>)`; the guard lives as long as the case.
#[macro_export]
macro_rules! conformance_suite {
    ($make_store:ident) => {
        $crate::conformance_suite! { @cases $make_store;
            journal {
                an_appended_event_reads_back_byte_for_byte
                an_event_that_nobody_takes_is_kept_with_the_reason
                an_event_written_claimed_is_held_from_the_start
                a_stale_route_writes_nothing
                an_event_for_a_store_that_is_not_there_writes_nothing
                the_answers_stand_in_the_order_of_the_submissions
                one_bad_submission_does_not_take_its_neighbours_with_it
                a_submission_is_written_whole_or_not_at_all
                a_repeated_request_is_answered_with_what_the_first_made
                a_repeated_request_is_known_before_its_routes_are_judged
                the_same_key_with_another_body_is_refused_and_writes_nothing
                two_requests_of_one_key_in_one_batch_come_one_after_the_other
                a_key_belongs_to_its_store
                a_key_is_free_again_after_its_time
                many_publishers_at_once_lose_nothing
            }
            claims {
                a_claim_is_exclusive
                a_claim_carries_all_that_an_attempt_needs
                claims_come_in_the_order_in_which_they_are_due
                nothing_is_claimed_before_it_is_due
                no_more_is_claimed_than_wanted
                claims_keep_within_the_bytes_but_take_one_at_least
                a_released_delivery_comes_back_at_once
                a_release_of_a_lost_claim_changes_nothing
                a_lapsed_claim_leaves_an_interrupted_row_and_is_claimed_anew
                five_lapsed_claims_in_a_row_fail_the_delivery
                voided_claims_leave_an_interrupted_row_and_come_back
                more_claims_than_a_batch_are_voided
                the_webhooks_with_waiting_deliveries_are_told_with_their_first_due_time
                a_disabled_webhook_is_claimed_only_for_what_a_person_asked_for
                what_may_not_be_claimed_stands_in_nobodys_way
                a_lapsed_claim_of_a_deleted_webhook_ends
            }
            history {
                an_acknowledged_attempt_ends_the_delivery
                an_attempt_reads_back_as_it_was_recorded
                a_failed_attempt_is_due_again_after_the_interval
                the_last_failed_attempt_fails_the_delivery
                a_delivery_says_how_its_last_attempt_ended
                only_a_result_that_moves_the_state_is_the_last
                a_stale_result_is_a_row_of_the_history_and_moves_nothing
                a_result_whose_answer_was_lost_is_not_written_again
                one_record_that_vanished_does_not_take_its_neighbours_with_it
                of_a_very_long_history_the_last_rows_are_shown
                a_receiver_that_is_gone_disables_its_webhook_and_what_waits_is_skipped
                a_receiver_that_is_gone_does_not_disable_a_webhook_that_has_moved
                a_webhook_that_was_disabled_already_is_not_disabled_by_gone_again
            }
            resends {
                a_resend_of_a_failed_delivery_is_one_more_attempt
                a_resend_is_claimed_before_all_that_waits_by_itself
                a_resend_while_an_attempt_is_in_flight_waits_for_its_end
                a_resend_is_refused_where_there_is_nowhere_to_send_it
                a_resend_of_a_skipped_delivery_is_made
            }
            configuration {
                a_webhook_reads_back_with_its_secrets
                every_change_of_webhooks_makes_a_new_version
                a_change_sets_what_it_names_and_leaves_the_rest
                the_old_secret_is_kept_beside_the_new_one
                a_webhook_of_another_store_is_not_there
                an_id_is_taken_once
                a_store_has_a_hundred_webhooks_at_most
                disabling_skips_what_waits_and_an_attempt_in_flight_still_counts
                what_was_in_flight_when_its_webhook_was_disabled_is_skipped_once
                more_than_a_batch_is_skipped_by_and_by
                deleting_keeps_the_url_in_the_list_and_the_webhook_from_everything_else
                stores_are_listed_newest_first_in_pages
                a_store_can_be_renamed
                a_store_can_keep_its_events_for_another_time
                a_deleted_store_is_not_there
                nothing_of_a_deleted_store_is_claimed_or_recorded
                a_deleted_stores_id_is_free_after_sweeping_and_nothing_is_left_under_it
                no_version_of_a_deleted_store_comes_back
            }
            listing {
                deliveries_are_listed_newest_first
                each_filter_narrows_the_list
                every_combination_of_filters_finds_what_a_plain_search_finds
                a_thousand_rows_come_in_pages_without_a_gap_or_repeat
                another_store_sees_nothing
                the_deliveries_of_an_event_are_found
            }
            keys {
                a_key_is_found_by_its_hash
                a_stores_key_goes_with_its_store
                keys_are_listed_newest_first_by_whose_they_are
                a_key_that_was_revoked_is_not_there
                the_use_of_a_key_is_noted_once_a_minute
                there_are_two_hundred_keys_of_an_owner_at_most
            }
            people {
                a_user_reads_back
                an_address_is_taken_once
                a_change_of_a_user_sets_what_it_names
                the_last_admin_who_can_sign_in_stays_one
                a_store_that_is_deleted_goes_from_its_users_and_portals
                a_session_holds_until_its_end
                a_session_shows_its_user_as_they_stand_now
                a_session_can_be_ended
                a_new_password_ends_the_other_sessions
                a_sessions_end_is_put_off_once_an_hour_at_most
                a_link_signs_in_once
            }
            audit {
                a_change_of_a_store_is_told_with_who_made_it
                a_change_of_a_webhook_tells_what_changed_and_nothing_else
                neither_secrets_nor_the_values_of_headers_are_told
                a_receiver_that_disables_its_webhook_is_told_of
                what_changes_nothing_leaves_no_entry
                every_other_change_leaves_its_entry
                the_log_is_listed_newest_first_in_pages_by_store
                the_next_owner_of_a_stores_id_sees_nothing_of_the_last
                what_changes_nothing_else_can_be_noted
                signing_in_is_told_by_who_did
            }
            resend_jobs {
                a_job_asks_for_each_of_its_deliveries_once
                a_job_leaves_alone_what_no_longer_fits
                two_that_advance_a_job_at_once_ask_for_nothing_twice
                a_job_that_was_stopped_asks_for_nothing_more
                jobs_are_listed_newest_first_and_belong_to_their_store
                five_jobs_of_a_store_run_at_once_at_most
                a_job_finds_what_the_list_finds
            }
            figures {
                the_overview_counts_what_a_plain_count_of_the_list_counts
                the_overview_of_a_quiet_store_is_empty
                ninety_five_of_a_hundred_attempts_stay_within_the_p95
                the_overview_names_the_webhooks_that_fail
                a_failing_webhook_says_how_its_last_failed_attempt_ended
                a_count_is_what_the_list_holds_up_to_its_cap
                the_figures_of_a_deleted_store_are_not_those_of_the_next
                figures_that_no_overview_reaches_are_forgotten
            }
            inboxes {
                an_inbox_is_found_and_answers_as_it_was_told
                a_store_has_twenty_inboxes_at_most
                a_request_of_an_inbox_reads_back
                an_inbox_keeps_the_last_hundred_requests
                a_stores_inboxes_go_with_it
            }
            retention {
                what_is_older_than_it_is_kept_goes_with_its_history
                what_is_unfinished_is_kept_a_week_longer_and_then_given_up
                what_is_claimed_is_left_until_its_claim_has_ended
                a_resend_does_not_keep_a_delivery_for_ever
                a_store_keeps_its_events_for_its_own_shorter_time
                one_stores_shorter_time_is_not_that_of_others
                an_event_stays_until_its_last_delivery_goes
                more_than_a_batch_goes_by_and_by
                a_very_long_history_goes_by_and_by
                what_was_given_up_is_counted_as_failed
                nothing_to_do_is_seen_at_once
                what_waits_in_a_deleted_store_is_not_given_up
                a_pass_that_was_broken_off_is_made_anew
            }
            erasure {
                what_is_kept_of_an_object_is_blanked_and_nothing_else
                what_was_erased_is_not_sent_any_more
                an_attempt_in_flight_is_told_of_and_erased_after_its_end
                an_object_with_more_than_a_batch_is_erased_by_and_by
                erasing_is_told_in_the_audit_log
                what_a_test_inbox_received_of_an_object_is_blanked
            }
            nodes {
                a_node_is_there_from_its_first_beat_until_it_leaves
            }
            house {
                sweeping_ends_and_leaves_what_is_not_over
                a_store_that_works_answers_its_probes
                what_was_taken_before_closing_is_durable_and_later_calls_are_refused
            }
        }
    };
    (@cases $make_store:ident; $($module:ident { $($case:ident)+ })+) => {
        $(mod $module {
            $(#[tokio::test]
            async fn $case() {
                let (_guard, store) = super::$make_store().await;
                $crate::conformance::$module::$case(store).await;
            })+
        })+
    };
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_case_is_in_the_suite() {
        let suite = include_str!("conformance.rs");
        for file in [
            include_str!("conformance/audit.rs"),
            include_str!("conformance/claims.rs"),
            include_str!("conformance/configuration.rs"),
            include_str!("conformance/erasure.rs"),
            include_str!("conformance/figures.rs"),
            include_str!("conformance/history.rs"),
            include_str!("conformance/house.rs"),
            include_str!("conformance/inboxes.rs"),
            include_str!("conformance/journal.rs"),
            include_str!("conformance/keys.rs"),
            include_str!("conformance/listing.rs"),
            include_str!("conformance/nodes.rs"),
            include_str!("conformance/people.rs"),
            include_str!("conformance/resend_jobs.rs"),
            include_str!("conformance/resends.rs"),
            include_str!("conformance/retention.rs"),
        ] {
            for case in file.lines().filter_map(|line| line.strip_prefix("pub async fn ")) {
                let name = case.split('(').next().unwrap_or_default();
                assert!(suite.lines().any(|line| line.trim() == name), "{name} is in no test");
            }
        }
    }
}
