//! Test inboxes and what they received, with the headers sealed.

use async_trait::async_trait;
use bocau_domain::limits::{INBOX_BODY_BYTES_MAX, INBOX_REQUESTS_MAX, INBOXES_PER_STORE_MAX};
use bocau_domain::{
    Actor, AuditAction, Inbox, InboxAnswer, InboxId, InboxRequest, InboxRequestId, StoreId, Timestamp,
};
use rusqlite::{Connection, Row, params};
use serde_json::json;
use zeroize::Zeroizing;

use super::SqliteStore;
use super::audit;
use super::rows::{all, first, from_count, json_text, only, store_id, time, unreadable, word};
use super::tx::Tx;
use crate::change::Change;
use crate::erasure::ObjectName;
use crate::inboxes::Inboxes;
use crate::seal::Sealer;
use crate::{NotChanged, Result};

/// For [`read`]. An inbox of a store that is being deleted is not there.
macro_rules! select_inboxes {
    ($rest:literal) => {
        concat!(
            "SELECT i.id, i.store_id, i.name, i.token, i.answer, i.created_at \
             FROM inboxes i JOIN stores s ON s.id = i.store_id AND s.deleted_at IS NULL ",
            $rest
        )
    };
}

#[async_trait]
impl Inboxes for SqliteStore {
    async fn create_inbox(&self, inbox: Inbox, by: &Actor) -> Result<std::result::Result<(), NotChanged>> {
        let by = by.clone();
        self.writer.run(move |tx| create(tx, &inbox, &by)).await
    }

    async fn list_inboxes(&self, store: &StoreId) -> Result<Vec<Inbox>> {
        let store = store.clone();
        self.readers.run(move |connection| list(connection, &store)).await
    }

    async fn find_inbox(&self, store: &StoreId, id: InboxId) -> Result<Option<Inbox>> {
        let store = store.clone();
        self.readers.run(move |connection| find(connection, &store, id)).await
    }

    async fn find_inbox_by_token(&self, token: &str) -> Result<Option<Inbox>> {
        let token = token.to_owned();
        let sql = select_inboxes!("WHERE i.token = ?1");
        self.readers.run(move |connection| first(connection, sql, [&token], read)).await
    }

    async fn change_inbox(
        &self,
        store: &StoreId,
        id: InboxId,
        answer: InboxAnswer,
        by: &Actor,
        now: Timestamp,
    ) -> Result<Option<Inbox>> {
        let (store, by) = (store.clone(), by.clone());
        self.writer.run(move |tx| change(tx, &store, id, answer, &by, now)).await
    }

    async fn delete_inbox(&self, store: &StoreId, id: InboxId, by: &Actor, now: Timestamp) -> Result<bool> {
        let (store, by) = (store.clone(), by.clone());
        self.writer.run(move |tx| delete(tx, &store, id, &by, now)).await
    }

    async fn add_inbox_request(&self, request: InboxRequest) -> Result<bool> {
        self.writer.run(move |tx| add_request(tx, &request)).await
    }

    async fn list_inbox_requests(&self, store: &StoreId, id: InboxId) -> Result<Vec<InboxRequest>> {
        let (store, sealer) = (store.clone(), self.sealer.clone());
        self.readers.run(move |connection| list_requests(connection, &sealer, &store, id)).await
    }
}

fn create(tx: &Tx<'_>, inbox: &Inbox, by: &Actor) -> Result<std::result::Result<(), NotChanged>> {
    if tx.config_version(&inbox.store)?.is_none() {
        return Ok(Err(NotChanged::NotFound));
    }
    let count: Option<i64> = first(
        tx.connection,
        "SELECT COUNT(*) FROM inboxes WHERE store_id = ?1",
        [inbox.store.as_str()],
        only,
    )?;
    if count.unwrap_or(0) >= from_count(INBOXES_PER_STORE_MAX) {
        return Ok(Err(NotChanged::TooMany));
    }
    let made = tx.execute(
        "INSERT INTO inboxes (id, store_id, name, token, answer, created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6) \
         ON CONFLICT DO NOTHING",
        params![
            inbox.id.as_bytes(),
            inbox.store.as_str(),
            inbox.name,
            inbox.token,
            inbox.answer.as_str(),
            inbox.created_at.as_millis(),
        ],
    )?;
    if made == 0 {
        return Ok(Err(NotChanged::Taken));
    }
    let told = json!({ "name": inbox.name, "answer": inbox.answer.as_str() });
    let change = Change::new(AuditAction::InboxCreated, Some(&inbox.store), inbox.id, by, inbox.created_at);
    audit::write(tx, Change { to: Some(told), ..change })?;
    Ok(Ok(()))
}

fn list(connection: &Connection, store: &StoreId) -> Result<Vec<Inbox>> {
    all(connection, select_inboxes!("WHERE i.store_id = ?1 ORDER BY i.id"), [store.as_str()], read)
}

fn find(connection: &Connection, store: &StoreId, id: InboxId) -> Result<Option<Inbox>> {
    let sql = select_inboxes!("WHERE i.id = ?1 AND i.store_id = ?2");
    first(connection, sql, params![id.as_bytes(), store.as_str()], read)
}

fn change(
    tx: &Tx<'_>,
    store: &StoreId,
    id: InboxId,
    answer: InboxAnswer,
    by: &Actor,
    now: Timestamp,
) -> Result<Option<Inbox>> {
    let Some(inbox) = find(tx.connection, store, id)? else { return Ok(None) };
    if inbox.answer == answer {
        return Ok(Some(inbox));
    }
    tx.execute("UPDATE inboxes SET answer = ?2 WHERE id = ?1", params![id.as_bytes(), answer.as_str()])?;
    audit::write(
        tx,
        Change {
            from: Some(json!({ "answer": inbox.answer.as_str() })),
            to: Some(json!({ "answer": answer.as_str() })),
            ..Change::new(AuditAction::InboxChanged, Some(store), id, by, now)
        },
    )?;
    Ok(Some(Inbox { answer, ..inbox }))
}

fn delete(tx: &Tx<'_>, store: &StoreId, id: InboxId, by: &Actor, now: Timestamp) -> Result<bool> {
    let Some(inbox) = find(tx.connection, store, id)? else { return Ok(false) };
    // There are few of them.
    tx.execute("DELETE FROM inbox_requests WHERE inbox_id = ?1", [id.as_bytes()])?;
    tx.execute("DELETE FROM inboxes WHERE id = ?1", [id.as_bytes()])?;
    let told = json!({ "name": inbox.name, "answer": inbox.answer.as_str() });
    let change = Change::new(AuditAction::InboxDeleted, Some(store), id, by, now);
    audit::write(tx, Change { from: Some(told), ..change })?;
    Ok(true)
}

fn add_request(tx: &Tx<'_>, request: &InboxRequest) -> Result<bool> {
    let inbox = first(tx.connection, select_inboxes!("WHERE i.id = ?1"), [request.inbox.as_bytes()], read)?;
    if inbox.is_none() {
        return Ok(false);
    }
    let headers = Zeroizing::new(json_text(&request.headers)?);
    tx.execute(
        "INSERT INTO inbox_requests (inbox_id, id, at, headers, body, verified, answer_status) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![
            request.inbox.as_bytes(),
            request.id.as_bytes(),
            request.at.as_millis(),
            tx.sealer.seal(&place_of(request.id), headers.as_bytes()),
            &request.body[..request.body.len().min(INBOX_BODY_BYTES_MAX)],
            request.verified,
            request.answer_status,
        ],
    )?;
    tx.execute(
        "DELETE FROM inbox_requests WHERE inbox_id = ?1 AND id <= \
         (SELECT id FROM inbox_requests WHERE inbox_id = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)",
        params![request.inbox.as_bytes(), from_count(INBOX_REQUESTS_MAX)],
    )?;
    Ok(true)
}

fn list_requests(
    connection: &Connection,
    sealer: &Sealer,
    store: &StoreId,
    id: InboxId,
) -> Result<Vec<InboxRequest>> {
    if find(connection, store, id)?.is_none() {
        return Ok(Vec::new());
    }
    all(
        connection,
        "SELECT inbox_id, id, at, headers, body, verified, answer_status FROM inbox_requests \
         WHERE inbox_id = ?1 ORDER BY id DESC",
        [id.as_bytes()],
        |row| read_request(row, sealer),
    )
}

/// Blanks what was received of an object. There are few requests, and what they are about is sealed.
pub(super) fn erase(tx: &Tx<'_>, store: &StoreId, object: &ObjectName) -> Result<()> {
    for inbox in list(tx.connection, store)? {
        for request in list_requests(tx.connection, tx.sealer, store, inbox.id)? {
            if object.is_in(&request.headers) {
                tx.execute(
                    "UPDATE inbox_requests SET body = x'' WHERE inbox_id = ?1 AND id = ?2",
                    params![inbox.id.as_bytes(), request.id.as_bytes()],
                )?;
            }
        }
    }
    Ok(())
}

fn place_of(request: InboxRequestId) -> String {
    format!("inbox request/{request}/headers")
}

fn read(row: &Row<'_>) -> Result<Inbox> {
    Ok(Inbox {
        id: InboxId::from_bytes(row.get(0)?),
        store: store_id(row, 1)?,
        name: row.get(2)?,
        token: row.get(3)?,
        answer: word(row, 4, "answer of an inbox", InboxAnswer::parse)?,
        created_at: time(row, 5)?,
    })
}

fn read_request(row: &Row<'_>, sealer: &Sealer) -> Result<InboxRequest> {
    let id = InboxRequestId::from_bytes(row.get(1)?);
    let place = place_of(id);
    let headers = sealer.open(&place, &row.get::<_, Vec<u8>>(3)?)?;
    Ok(InboxRequest {
        id,
        inbox: InboxId::from_bytes(row.get(0)?),
        at: time(row, 2)?,
        headers: serde_json::from_slice(&headers).map_err(|_| unreadable("list of headers", &place))?,
        body: row.get(4)?,
        verified: row.get(5)?,
        answer_status: row.get(6)?,
    })
}
