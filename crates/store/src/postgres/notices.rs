//! What nodes tell one another: `LISTEN` on a connection of its own.
//!
//! The server delivers every notice of a committed transaction for as long as the connection holds. It is asked
//! for a sign of life all the time; whenever it was gone, those who listen are told that they may have missed
//! something, and look for themselves.

use std::fmt::Write as _;
use std::future::poll_fn;
use std::time::Duration;

use bocau_domain::{DeliveryId, StoreId};
use tokio::sync::broadcast;
use tokio_postgres::AsyncMessage;
use uuid::Uuid;

use super::connection::PostgresUrl;
use super::errors::text_of;
use super::tx::CHANNEL;
use crate::{Notice, Result, StoreError};

/// Notices that a listener may be behind; beyond that it is told that it missed some.
const BEHIND_MAX: usize = 4_096;
/// How often the connection is asked for a sign of life, and how long it may take.
const LIFE_EVERY: Duration = Duration::from_secs(5);
/// The pause before connecting again.
const AGAIN_AFTER: Duration = Duration::from_millis(500);

/// Listens until nobody wants to hear any more; ends with the first connection where that fails.
pub(super) async fn listen(url: PostgresUrl, own: Uuid) -> Result<broadcast::Receiver<Notice>> {
    let first = Ear::connect(&url).await?;
    let (notices, receiver) = broadcast::channel(BEHIND_MAX);
    tokio::spawn(async move {
        let mut ear = Some(first);
        while notices.receiver_count() > 0 {
            let Some(listening) = ear.take() else {
                pause(AGAIN_AFTER).await;
                ear = Ear::connect(&url).await.ok();
                if ear.is_some() {
                    let _ = notices.send(Notice::Missed);
                }
                continue;
            };
            let error = listening.hear(&notices, own).await;
            tracing::warn!(%error, "the notices of other nodes are interrupted; listening again");
        }
    });
    Ok(receiver)
}

/// A connection that listens.
struct Ear {
    client: tokio_postgres::Client,
    heard: tokio::sync::mpsc::Receiver<std::result::Result<String, String>>,
}

impl Ear {
    async fn connect(url: &PostgresUrl) -> Result<Self> {
        let (client, mut connection) = url.open().await?;
        let (hear, heard) = tokio::sync::mpsc::channel(BEHIND_MAX);
        tokio::spawn(async move {
            loop {
                let word = match poll_fn(|cx| connection.poll_message(cx)).await {
                    Some(Ok(AsyncMessage::Notification(notice))) => Ok(notice.payload().to_owned()),
                    Some(Ok(_)) => continue,
                    Some(Err(error)) => Err(text_of(&error)),
                    None => Err("the connection was closed".to_owned()),
                };
                let is_over = word.is_err();
                if hear.send(word).await.is_err() || is_over {
                    return;
                }
            }
        });
        client.batch_execute(&format!("LISTEN {CHANNEL}")).await?;
        Ok(Self { client, heard })
    }

    /// Passes on what it hears; ends with the reason why it hears no more.
    async fn hear(mut self, notices: &broadcast::Sender<Notice>, own: Uuid) -> StoreError {
        loop {
            tokio::select! {
                word = self.heard.recv() => match word {
                    // Nobody left to hear it is fine.
                    Some(Ok(text)) => drop(read(&text, own).map(|notice| notices.send(notice))),
                    Some(Err(text)) => return StoreError::Unavailable(text),
                    None => return StoreError::Closed,
                },
                () = pause(LIFE_EVERY) => {
                    tokio::select! {
                        alive = self.client.batch_execute("") => if let Err(error) = alive { return error.into() },
                        () = pause(LIFE_EVERY) => {
                            return StoreError::Unavailable("no sign of life".into());
                        }
                    }
                }
            }
        }
    }
}

/// What is told beside transactions, as `read` reads it: with who tells it, so that nobody hears their own words;
/// but for what is due, which is told in the same words by transactions. `None` for what they alone tell.
pub(super) fn write(notice: &Notice, own: Uuid) -> Option<String> {
    match notice {
        Notice::Watched(store) => Some(format!("watched {own} {store}")),
        Notice::Rows(store, rows) => {
            let mut text = format!("rows {own} {store}");
            for row in rows {
                let _ = write!(text, " {row}");
            }
            Some(text)
        }
        Notice::Due(webhook) => Some(format!("due {webhook}")),
        Notice::Configured(_) | Notice::Missed => None,
    }
}

/// Reads a notice; a word of a newer version is passed over.
fn read(text: &str, own: Uuid) -> Option<Notice> {
    match text.split_once(' ')? {
        (what @ ("watched" | "rows"), rest) => {
            let mut words = rest.split(' ');
            if words.next()?.parse() == Ok(own) {
                return None;
            }
            let store = words.next()?.parse().ok()?;
            if what == "watched" {
                return Some(Notice::Watched(store));
            }
            let rows: Option<Vec<DeliveryId>> = words.map(|word| word.parse().ok()).collect();
            Some(Notice::Rows(store, rows?))
        }
        ("config", store) => Some(Notice::Configured(store.parse::<StoreId>().ok()?)),
        ("due", webhook) => Some(Notice::Due(webhook.parse().ok()?)),
        _ => None,
    }
}

#[expect(clippy::disallowed_methods, reason = "watches over a real connection")]
async fn pause(span: Duration) {
    tokio::time::sleep(span).await;
}

#[cfg(test)]
mod tests {
    use bocau_domain::Timestamp;

    use super::*;
    use crate::NOTICE_ROWS_MAX;

    /// The longest that the server takes.
    const NOTICE_BYTES_MAX: usize = 8_000;

    #[test]
    fn the_others_hear_what_is_told_and_whoever_tells_it_does_not() {
        let (own, other) = (Uuid::from_bytes([1; 16]), Uuid::from_bytes([2; 16]));
        let store: StoreId = "s".repeat(64).parse().expect("a store id");
        let row = DeliveryId::first_of(Timestamp::from_millis(1_760_000_000_000));
        for notice in [
            Notice::Watched(store.clone()),
            Notice::Rows(store.clone(), vec![]),
            Notice::Rows(store.clone(), vec![row; NOTICE_ROWS_MAX]),
        ] {
            let text = write(&notice, own).expect("it is told");
            assert!(text.len() < NOTICE_BYTES_MAX, "{}", text.len());
            assert_eq!(read(&text, other), Some(notice));
            assert_eq!(read(&text, own), None);
        }
        assert_eq!(read(&format!("config {store}"), own), Some(Notice::Configured(store)));
        assert_eq!(read("a word of tomorrow", own), None);
    }
}
