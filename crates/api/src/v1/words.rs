//! The words that fields may have, for the OpenAPI document. The domain's enums are what is sent; a test
//! holds the two against one another.

use utoipa::ToSchema;

macro_rules! words {
    ($($(#[$doc:meta])* $name:ident { $($variant:ident = $word:literal,)+ })+) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Clone, Copy, ToSchema)]
            pub enum $name {
                $(
                    #[doc = concat!("`", $word, "`")]
                    #[schema(rename = $word)]
                    $variant,
                )+
            }

            impl $name {
                /// Every word.
                pub const ALL: &'static [&'static str] = &[$($word,)+];
            }
        )+
    };
}

mod people;

pub use people::*;

words! {
    /// Trạng thái.
    DeliveryStatus {
        Pending = "pending",
        Retrying = "retrying",
        Succeeded = "succeeded",
        Failed = "failed",
        Skipped = "skipped",
    }
    /// Why a delivery was skipped, or failed before its attempts were used up.
    DeliveryReason {
        NoWebhook = "no_webhook",
        WebhookDisabled = "webhook_disabled",
        WebhookDeleted = "webhook_deleted",
        WebhookGone = "webhook_gone",
        Interrupted = "interrupted",
        Expired = "expired",
        ObjectErased = "object_erased",
    }
    /// What set an attempt off.
    AttemptTrigger {
        Auto = "auto",
        Manual = "manual",
        Test = "test",
    }
    /// How an attempt ended.
    AttemptOutcome {
        Success = "success",
        HttpError = "http_error",
        Rejected = "rejected",
        Timeout = "timeout",
        DnsError = "dns_error",
        ConnectError = "connect_error",
        TlsError = "tls_error",
        Blocked = "blocked",
        ProtocolError = "protocol_error",
        Interrupted = "interrupted",
    }
    /// A setting that a webhook may leave to the server.
    WebhookSetting {
        MaxAttempts = "max_attempts",
        RetryIntervalSeconds = "retry_interval_seconds",
        RetryScheduleSeconds = "retry_schedule_seconds",
        TimeoutSeconds = "timeout_seconds",
    }
    /// How a bulk resend stands: only counted, under way, all asked for, or stopped.
    ResendState {
        Counted = "counted",
        Running = "running",
        Done = "done",
        Stopped = "stopped",
    }
    /// What a test inbox answers: 200, 500, or 200 after 8 seconds.
    InboxAnswer {
        Ok = "ok",
        Fail = "fail",
        Slow = "slow",
    }
}

impl ResendState {
    /// Only counted, and never a job.
    pub const COUNTED: &'static str = "counted";
}

#[cfg(test)]
mod tests {
    use bocau_domain::{Outcome, Reason, ResendJobState, Status, Trigger};

    use super::*;

    #[test]
    fn the_document_names_the_words_that_are_sent() {
        let sent: [Vec<&str>; 4] = [
            Status::ALL.iter().map(|word| word.as_str()).collect(),
            Reason::ALL.iter().map(|word| word.as_str()).collect(),
            Trigger::ALL.iter().map(|word| word.as_str()).collect(),
            Outcome::ALL.iter().map(|word| word.as_str()).collect(),
        ];
        let named = [DeliveryStatus::ALL, DeliveryReason::ALL, AttemptTrigger::ALL, AttemptOutcome::ALL];
        assert_eq!(named.map(<[&str]>::to_vec), sent);
        let answers = bocau_domain::InboxAnswer::ALL.iter().map(|word| word.as_str());
        assert!(answers.eq(InboxAnswer::ALL.iter().copied()));
        let jobs = ResendJobState::ALL.iter().map(|word| word.as_str());
        assert!(std::iter::once(ResendState::COUNTED).chain(jobs).eq(ResendState::ALL.iter().copied()));
    }
}
