//! Notices: that sessions, keys or stores may be no more. Whoever answers for longer than a moment hears of it and
//! looks again whether their caller still may.
//!
//! They tell of what this process did. What another did (`bocau key revoke`), and what ended by itself, is seen
//! at the next look.

use bocau_domain::{ApiKeyId, StoreId, UserId};
use tokio::sync::broadcast;

/// Notices that a listener may be behind; one that is further behind looks again.
const BEHIND_MAX: usize = 64;

/// What may be no more, or not as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// The session of this hash.
    Session([u8; 32]),
    /// A user, with all their sessions.
    User(UserId),
    /// An API key.
    Key(ApiKeyId),
    /// A store, with all that reached it.
    Store(StoreId),
}

/// Where notices are given and heard.
#[derive(Debug, Clone)]
pub struct Notices(broadcast::Sender<Notice>);

impl Default for Notices {
    fn default() -> Self {
        Self(broadcast::Sender::new(BEHIND_MAX))
    }
}

impl Notices {
    /// Gives one.
    pub fn give(&self, notice: Notice) {
        // Nobody there to hear it is fine.
        let _ = self.0.send(notice);
    }

    /// What is given from now on.
    pub fn listen(&self) -> broadcast::Receiver<Notice> {
        self.0.subscribe()
    }
}
