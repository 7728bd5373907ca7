//! Ids: `UUIDv7` shown as `TypeID`s (`evt_…`, `dlv_…`, `wh_…`), so that sorting by id sorts by time.
//!
//! The text form is the one of the `TypeID` specification: a prefix, `_`, and 26 characters of Crockford's
//! base32 in lower case. Ids made within one millisecond keep the order they were made in (the 12 bits of
//! `rand_a` count up), and a delivery's id carries its event's millisecond and count.

use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};

use uuid::Uuid;

use crate::store::StoreId;
use crate::time::{Clock, Rng, Timestamp};

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const SUFFIX_LENGTH: usize = 26;
/// The largest number that fits the 12 counting bits of an id.
const COUNT_MAX: u16 = 0x0fff;

/// Why a text is no id of the wanted kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an id of the form {prefix}_ and 26 characters")]
pub struct IdError {
    /// The prefix that the id should have.
    pub prefix: &'static str,
}

fn encode(uuid: Uuid) -> [u8; SUFFIX_LENGTH] {
    let mut rest = uuid.as_u128();
    let mut text = [b'0'; SUFFIX_LENGTH];
    for place in text.iter_mut().rev() {
        *place = ALPHABET[(rest & 31) as usize];
        rest >>= 5;
    }
    text
}

fn decode(text: &str) -> Option<Uuid> {
    let bytes = text.as_bytes();
    // 26 × 5 = 130 bits: the first character may use its low three bits only.
    if bytes.len() != SUFFIX_LENGTH || !(b'0'..=b'7').contains(&bytes[0]) {
        return None;
    }
    bytes
        .iter()
        .try_fold(0_u128, |value, byte| {
            let digit = ALPHABET.iter().position(|letter| letter == byte)?;
            Some((value << 5) | digit as u128)
        })
        .map(Uuid::from_u128)
}

macro_rules! typed_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// What the text form begins with, before the underscore.
            pub const PREFIX: &'static str = $prefix;

            /// From the 16 bytes the store keeps.
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(Uuid::from_bytes(bytes))
            }

            /// The 16 bytes the store keeps; they sort by time.
            pub const fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }

            /// The millisecond in which the id was made.
            pub fn made_at(&self) -> Timestamp {
                millisecond_of(self.0)
            }

            /// The smallest id of a millisecond, to bound a range of time.
            pub fn first_of(at: Timestamp) -> Self {
                Self(compose(at, 0, [0; 8]))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let suffix = encode(self.0);
                f.write_str($prefix)?;
                f.write_str("_")?;
                f.write_str(std::str::from_utf8(&suffix).expect("the alphabet is ASCII"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                text.strip_prefix($prefix)
                    .and_then(|rest| rest.strip_prefix('_'))
                    .and_then(decode)
                    .map(Self)
                    .ok_or(IdError { prefix: $prefix })
            }
        }
    };
}

typed_id!(
    /// The id of an event; it is the `webhook-id` of every attempt to deliver it.
    EventId,
    "evt"
);
typed_id!(
    /// The id of a delivery: one event on its way to one webhook.
    DeliveryId,
    "dlv"
);
typed_id!(
    /// The id of a webhook.
    WebhookId,
    "wh"
);
typed_id!(
    /// The id of an API key; it is not the key itself and may be shown.
    ApiKeyId,
    "key"
);

typed_id!(
    /// The id of a person who signs in.
    UserId,
    "usr"
);
typed_id!(
    /// The id of an entry of the audit log.
    AuditId,
    "aud"
);
typed_id!(
    /// The id of a resend of many deliveries.
    ResendJobId,
    "rsj"
);
typed_id!(
    /// The id of a test inbox.
    InboxId,
    "inb"
);
typed_id!(
    /// The id of a request that a test inbox received.
    InboxRequestId,
    "req"
);
typed_id!(
    /// The id of a running server.
    NodeId,
    "node"
);

fn millisecond_of(uuid: Uuid) -> Timestamp {
    let millis = (uuid.as_u128() >> 80) as u64;
    Timestamp::from_millis(i64::try_from(millis).expect("48 bits fit"))
}

fn count_of(uuid: Uuid) -> u16 {
    let count = (uuid.as_u128() >> 64) & u128::from(COUNT_MAX);
    u16::try_from(count).expect("12 bits fit")
}

fn compose(at: Timestamp, count: u16, tail: [u8; 8]) -> Uuid {
    let millis = u128::from(u64::try_from(at.as_millis()).unwrap_or(0) & 0xffff_ffff_ffff);
    let tail = u128::from(u64::from_be_bytes(tail) & 0x3fff_ffff_ffff_ffff);
    Uuid::from_u128((millis << 80) | (7 << 76) | (u128::from(count & COUNT_MAX) << 64) | (0b10 << 62) | tail)
}

/// Numbers that grow: each is greater than every one before it, even where the time given steps back.
struct Sequence {
    rng: Arc<dyn Rng>,
    last: Mutex<(Timestamp, u16)>,
}

impl Sequence {
    fn new(rng: Arc<dyn Rng>) -> Self {
        Self { rng, last: Mutex::new((Timestamp::default(), 0)) }
    }

    fn next(&self, now: Timestamp) -> Uuid {
        let (at, count) = {
            let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
            *last = match *last {
                (at, _) if now > at => (now, 0),
                (at, COUNT_MAX) => (Timestamp::from_millis(at.as_millis() + 1), 0),
                (at, count) => (at, count + 1),
            };
            *last
        };
        compose(at, count, self.tail())
    }

    fn tail(&self) -> [u8; 8] {
        let mut tail = [0; 8];
        self.rng.fill(&mut tail);
        tail
    }
}

/// Makes ids from a clock and dice; each is greater than every one it made before, even where the clock
/// steps back.
pub struct IdSource {
    clock: Arc<dyn Clock>,
    sequence: Sequence,
}

impl IdSource {
    /// A source over this clock and these dice.
    pub fn new(clock: Arc<dyn Clock>, rng: Arc<dyn Rng>) -> Self {
        Self { clock, sequence: Sequence::new(rng) }
    }

    /// A new event's id.
    pub fn event_id(&self) -> EventId {
        EventId(self.next())
    }

    /// A new webhook's id.
    pub fn webhook_id(&self) -> WebhookId {
        WebhookId(self.next())
    }

    /// A new API key's id.
    pub fn api_key_id(&self) -> ApiKeyId {
        ApiKeyId(self.next())
    }

    /// A new user's id.
    pub fn user_id(&self) -> UserId {
        UserId(self.next())
    }

    /// A new resend job's id.
    pub fn resend_job_id(&self) -> ResendJobId {
        ResendJobId(self.next())
    }

    /// A new test inbox's id.
    pub fn inbox_id(&self) -> InboxId {
        InboxId(self.next())
    }

    /// The id of a request that a test inbox received.
    pub fn inbox_request_id(&self) -> InboxRequestId {
        InboxRequestId(self.next())
    }

    /// The id of a server that starts.
    pub fn node_id(&self) -> NodeId {
        NodeId(self.next())
    }

    /// An id for a store that its platform gave none.
    pub fn store_id(&self) -> StoreId {
        let suffix = encode(self.next());
        let suffix = std::str::from_utf8(&suffix).expect("the alphabet is ASCII");
        format!("st_{suffix}").parse().expect("its characters are allowed and it is short")
    }

    /// A new delivery's id, of its event's millisecond and count, so that both sort alike and lie in the
    /// same day.
    pub fn delivery_id(&self, event: EventId) -> DeliveryId {
        DeliveryId(compose(event.made_at(), count_of(event.0), self.sequence.tail()))
    }

    fn next(&self) -> Uuid {
        self.sequence.next(self.clock.now())
    }
}

/// Makes the ids of the entries that the store itself writes into the audit log, each at the time of the
/// change that it tells of: the store has no clock.
pub struct AuditIds(Sequence);

impl AuditIds {
    /// A source over these dice.
    pub fn new(rng: Arc<dyn Rng>) -> Self {
        Self(Sequence::new(rng))
    }

    /// The id of an entry of this moment.
    pub fn next(&self, at: Timestamp) -> AuditId {
        AuditId(self.0.next(at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::tests_support::{FixedClock, Zeros};

    fn source(at: i64) -> (Arc<FixedClock>, IdSource) {
        let clock = Arc::new(FixedClock::new(at));
        (clock.clone(), IdSource::new(clock, Arc::new(Zeros)))
    }

    #[test]
    fn an_id_reads_back_from_its_text() {
        let (_, ids) = source(1_700_000_000_000);
        let id = ids.event_id();
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(id.to_string().len(), "evt_".len() + SUFFIX_LENGTH);
    }

    #[test]
    fn the_text_form_is_the_one_of_the_typeid_specification() {
        let uuid = Uuid::parse_str("01890a5d-ac96-774b-bcce-b302099a8057").expect("valid");
        assert_eq!(EventId(uuid).to_string(), "evt_01h455vb4pex5vsknk084sn02q");
    }

    #[test]
    fn an_id_is_a_uuid_of_version_7_with_its_millisecond_and_count() {
        let at = Timestamp::from_millis(0x0123_4567_89ab);
        for (count, tail, text) in [
            (0xabc, [0xff; 8], "01234567-89ab-7abc-bfff-ffffffffffff"),
            (0, [0; 8], "01234567-89ab-7000-8000-000000000000"),
            (0xfff, [0x12; 8], "01234567-89ab-7fff-9212-121212121212"),
        ] {
            let uuid = compose(at, count, tail);
            assert_eq!(uuid.to_string(), text);
            assert_eq!((millisecond_of(uuid), count_of(uuid)), (at, count));
        }
        assert_eq!(EventId::first_of(at).made_at(), at);
        assert_eq!(EventId::from_bytes([7; 16]).as_bytes(), &[7; 16]);
    }

    #[test]
    fn a_text_of_another_kind_or_shape_is_refused() {
        for text in [
            "",
            "evt_",
            "wh_01h455vb4pex5vsknk084sn02q",
            "evt_81h455vb4pex5vsknk084sn02q",
            "evt_01H455VB4PEX5VSKNK084SN02Q",
            "evt_01h455vb4pex5vsknk084sn02",
            "evt_01h455vb4pex5vsknk084sn02qq",
            "evt_01h455vb4pex5vsknk084sn02é",
        ] {
            assert!(text.parse::<EventId>().is_err(), "{text}");
        }
    }

    #[test]
    fn ids_grow_within_a_millisecond_past_its_count_and_when_the_clock_steps_back() {
        let (clock, ids) = source(1_000_000);
        let mut last = ids.event_id();
        for step in 0..10_000 {
            if step == 5_000 {
                clock.set(10);
            }
            let id = ids.event_id();
            assert!(id > last, "{step}");
            last = id;
        }
    }

    #[test]
    fn an_id_is_of_the_millisecond_in_which_it_is_made_and_ends_in_what_the_dice_gave() {
        struct Sevens;
        impl Rng for Sevens {
            fn fill(&self, bytes: &mut [u8]) {
                bytes.fill(0x77);
            }
        }
        let clock = Arc::new(FixedClock::new(1_000_000));
        let ids = IdSource::new(clock.clone(), Arc::new(Sevens));
        for at in [1_000_000, 1_000_001, 9_000_000] {
            clock.set(at);
            let id = ids.event_id();
            assert_eq!((id.made_at(), count_of(id.0)), (Timestamp::from_millis(at), 0));
            for tail in [&id.as_bytes()[8..], &ids.delivery_id(id).as_bytes()[8..]] {
                assert_eq!(tail, [0xb7, 0x77, 0x77, 0x77, 0x77, 0x77, 0x77, 0x77]);
            }
        }
    }

    #[test]
    fn a_delivery_lies_in_the_millisecond_of_its_event_and_sorts_as_it_does() {
        let (clock, ids) = source(1_000_000);
        let (first, second) = (ids.event_id(), ids.event_id());
        clock.set(9_000_000);
        let (late, early) = (ids.delivery_id(second), ids.delivery_id(first));
        assert_eq!(early.made_at(), first.made_at());
        assert!(early < late);
        assert!(DeliveryId::first_of(first.made_at()) <= early);
    }
}
