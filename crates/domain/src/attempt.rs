//! Attempts: one HTTP request of a delivery each, and how it ended.

use std::time::Duration;

use crate::time::Timestamp;

/// Gives an enum whose values travel as words one wire form: `as_str` and `parse`.
macro_rules! wire_enum {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$vdoc])* $variant,)+
        }

        impl $name {
            /// Every value, in the order of the declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The wire form, the same in the API, the store and the logs.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }

            /// From the wire form.
            pub fn parse(text: &str) -> Option<Self> {
                match text {
                    $($text => Some(Self::$variant),)+
                    _ => None,
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}
pub(crate) use wire_enum;

wire_enum! {
    /// What set an attempt off.
    Trigger {
        /// The first sending or a retry by the policy.
        Auto = "auto",
        /// Somebody pressed Gửi lại.
        Manual = "manual",
        /// Somebody tried the webhook with a sample.
        Test = "test",
    }
}

wire_enum! {
    /// How an attempt ended.
    Outcome {
        /// Acknowledged.
        Success = "success",
        /// An answer that is not 2xx.
        HttpError = "http_error",
        /// A 2xx whose body says otherwise.
        Rejected = "rejected",
        /// The deadline passed before the answer was complete.
        Timeout = "timeout",
        /// The host's name has no address, or the name servers did not answer.
        DnsError = "dns_error",
        /// No connection to the address.
        ConnectError = "connect_error",
        /// The certificate or the handshake was refused.
        TlsError = "tls_error",
        /// The egress guard did not let it out; nothing was sent.
        Blocked = "blocked",
        /// The answer was no HTTP, broke off, or passed a limit.
        ProtocolError = "protocol_error",
        /// Taken over after a crash: it may or may not have been sent.
        Interrupted = "interrupted",
    }
}

/// One row of a delivery's history (Lịch sử).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// Counts from 1 within the delivery.
    pub number: u32,
    /// What set it off.
    pub trigger: Trigger,
    /// When it began.
    pub started_at: Timestamp,
    /// How long it took, from its start to the end of the answer or to giving up.
    pub duration: Duration,
    /// How it ended.
    pub outcome: Outcome,
    /// The answer's status code, where there was an answer.
    pub status_code: Option<u16>,
    /// What went wrong, in words for a programmer; never a secret.
    pub error: Option<String>,
    /// What was sent, with the values of the webhook's own headers masked.
    pub request_headers: Vec<(String, String)>,
    /// What was answered.
    pub response_headers: Vec<(String, String)>,
    /// The beginning of the answer's body.
    pub response_body: Vec<u8>,
    /// Whether the body was longer than what is kept of it.
    pub response_truncated: bool,
}
