//! Test inboxes and what they received, with the headers sealed.

use async_trait::async_trait;
use bocau_domain::limits::{INBOX_BODY_BYTES_MAX, INBOX_REQUESTS_MAX, INBOXES_PER_STORE_MAX};
use bocau_domain::{
    Actor, AuditAction, Inbox, InboxAnswer, InboxId, InboxRequest, InboxRequestId, StoreId, Timestamp,
};
use serde_json::json;
use tokio_postgres::Row;
use zeroize::Zeroizing;

use super::rows::{from_count, id, json_text, only, store_id, time, unreadable, uuid, without_nul, word};
use super::tx::{Connection, Result, Tx};
use super::{PostgresStore, audit, transact};
use crate::NotChanged;
use crate::change::Change;
use crate::erasure::ObjectName;
use crate::inboxes::Inboxes;
use crate::seal::Sealer;

/// For [`read`]. An inbox of a store that is being deleted, or has left, is not there.
macro_rules! select_inboxes {
    ($rest:literal) => {
        concat!(
            "SELECT i.id, i.store_id, i.name, i.token, i.answer, i.created_at \
             FROM inboxes i JOIN stores s ON s.id = i.store_id AND s.deleted_at IS NULL \
             AND s.standing IS DISTINCT FROM 'away' ",
            $rest
        )
    };
}

#[async_trait]
impl Inboxes for PostgresStore {
    async fn create_inbox(
        &self,
        inbox: Inbox,
        by: &Actor,
    ) -> crate::Result<std::result::Result<(), NotChanged>> {
        transact!(self, |tx| create(&tx, &inbox, by).await)
    }

    async fn list_inboxes(&self, store: &StoreId) -> crate::Result<Vec<Inbox>> {
        Ok(list(&self.lookup().await?, store).await?)
    }

    async fn find_inbox(&self, store: &StoreId, id: InboxId) -> crate::Result<Option<Inbox>> {
        Ok(find(&self.lookup().await?, store, id).await?)
    }

    async fn find_inbox_by_token(&self, token: &str) -> crate::Result<Option<Inbox>> {
        // It comes from a URL, where anything may stand.
        let sql = select_inboxes!("WHERE i.token = $1");
        Ok(self.lookup().await?.first(sql, &[&without_nul(token)], read).await?)
    }

    async fn change_inbox(
        &self,
        store: &StoreId,
        id: InboxId,
        answer: InboxAnswer,
        by: &Actor,
        now: Timestamp,
    ) -> crate::Result<Option<Inbox>> {
        transact!(self, |tx| change(&tx, store, id, answer, by, now).await)
    }

    async fn delete_inbox(
        &self,
        store: &StoreId,
        id: InboxId,
        by: &Actor,
        now: Timestamp,
    ) -> crate::Result<bool> {
        transact!(self, |tx| delete(&tx, store, id, by, now).await)
    }

    async fn add_inbox_request(&self, request: InboxRequest) -> crate::Result<bool> {
        transact!(self, |tx| add_request(&tx, &request).await)
    }

    async fn list_inbox_requests(&self, store: &StoreId, id: InboxId) -> crate::Result<Vec<InboxRequest>> {
        Ok(list_requests(&self.lookup().await?, &self.sealer, store, id).await?)
    }
}

async fn create(tx: &Tx, inbox: &Inbox, by: &Actor) -> Result<std::result::Result<(), NotChanged>> {
    tx.lock_store(&inbox.store).await?;
    if tx.config_version(&inbox.store).await?.is_none() {
        return Ok(Err(NotChanged::NotFound));
    }
    let sql = "SELECT COUNT(*) FROM inboxes WHERE store_id = $1";
    let count = tx.first(sql, &[&inbox.store.as_str()], only::<i64>).await?;
    if count.unwrap_or(0) >= from_count(INBOXES_PER_STORE_MAX) {
        return Ok(Err(NotChanged::TooMany));
    }
    let made = tx
        .execute(
            "INSERT INTO inboxes (id, store_id, name, token, answer, created_at) VALUES ($1, $2, $3, $4, $5, $6) \
             ON CONFLICT DO NOTHING",
            &[
                &uuid(inbox.id.as_bytes()),
                &inbox.store.as_str(),
                &inbox.name,
                &inbox.token,
                &inbox.answer.as_str(),
                &inbox.created_at.as_millis(),
            ],
        )
        .await?;
    if made == 0 {
        return Ok(Err(NotChanged::Taken));
    }
    let told = json!({ "name": inbox.name, "answer": inbox.answer.as_str() });
    let change = Change::new(AuditAction::InboxCreated, Some(&inbox.store), inbox.id, by, inbox.created_at);
    audit::write(tx, Change { to: Some(told), ..change }).await?;
    Ok(Ok(()))
}

async fn list(connection: &Connection, store: &StoreId) -> Result<Vec<Inbox>> {
    connection.all(select_inboxes!("WHERE i.store_id = $1 ORDER BY i.id"), &[&store.as_str()], read).await
}

async fn find(connection: &Connection, store: &StoreId, id: InboxId) -> Result<Option<Inbox>> {
    let sql = select_inboxes!("WHERE i.id = $1 AND i.store_id = $2");
    connection.first(sql, &[&uuid(id.as_bytes()), &store.as_str()], read).await
}

async fn change(
    tx: &Tx,
    store: &StoreId,
    id: InboxId,
    answer: InboxAnswer,
    by: &Actor,
    now: Timestamp,
) -> Result<Option<Inbox>> {
    tx.lock_store(store).await?;
    if tx.config_version(store).await?.is_none() {
        return Ok(None);
    }
    let Some(inbox) = find(tx, store, id).await? else { return Ok(None) };
    if inbox.answer == answer {
        return Ok(Some(inbox));
    }
    let sql = "UPDATE inboxes SET answer = $2 WHERE id = $1";
    tx.execute(sql, &[&uuid(id.as_bytes()), &answer.as_str()]).await?;
    audit::write(
        tx,
        Change {
            from: Some(json!({ "answer": inbox.answer.as_str() })),
            to: Some(json!({ "answer": answer.as_str() })),
            ..Change::new(AuditAction::InboxChanged, Some(store), id, by, now)
        },
    )
    .await?;
    Ok(Some(Inbox { answer, ..inbox }))
}

async fn delete(tx: &Tx, store: &StoreId, id: InboxId, by: &Actor, now: Timestamp) -> Result<bool> {
    tx.lock_store(store).await?;
    if tx.config_version(store).await?.is_none() {
        return Ok(false);
    }
    let Some(inbox) = find(tx, store, id).await? else { return Ok(false) };
    // The inbox before its requests: once it is gone, none is added.
    tx.execute("DELETE FROM inboxes WHERE id = $1", &[&uuid(id.as_bytes())]).await?;
    // There are few of them.
    tx.execute("DELETE FROM inbox_requests WHERE inbox_id = $1", &[&uuid(id.as_bytes())]).await?;
    let told = json!({ "name": inbox.name, "answer": inbox.answer.as_str() });
    let change = Change::new(AuditAction::InboxDeleted, Some(store), id, by, now);
    audit::write(tx, Change { from: Some(told), ..change }).await?;
    Ok(true)
}

async fn add_request(tx: &Tx, request: &InboxRequest) -> Result<bool> {
    let inbox = uuid(request.inbox.as_bytes());
    // It is not deleted meanwhile; others add to it at the same time.
    let sql = select_inboxes!("WHERE i.id = $1 FOR KEY SHARE OF i");
    if tx.first(sql, &[&inbox], read).await?.is_none() {
        return Ok(false);
    }
    let headers = Zeroizing::new(json_text(&request.headers)?);
    tx.execute(
        "INSERT INTO inbox_requests (inbox_id, id, at, headers, body, verified, answer_status) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        &[
            &inbox,
            &uuid(request.id.as_bytes()),
            &request.at.as_millis(),
            &tx.sealer.seal(&place_of(request.id), headers.as_bytes()),
            &&request.body[..request.body.len().min(INBOX_BODY_BYTES_MAX)],
            &request.verified,
            &i32::from(request.answer_status),
        ],
    )
    .await?;
    // What another removes at this moment is passed over, and what it adds is seen by the next.
    tx.execute(
        "DELETE FROM inbox_requests WHERE inbox_id = $1 AND id = ANY(ARRAY(\
         SELECT id FROM inbox_requests WHERE inbox_id = $1 AND id <= \
         (SELECT id FROM inbox_requests WHERE inbox_id = $1 ORDER BY id DESC LIMIT 1 OFFSET $2) \
         FOR UPDATE SKIP LOCKED))",
        &[&inbox, &from_count(INBOX_REQUESTS_MAX)],
    )
    .await?;
    Ok(true)
}

async fn list_requests(
    connection: &Connection,
    sealer: &Sealer,
    store: &StoreId,
    id: InboxId,
) -> Result<Vec<InboxRequest>> {
    if find(connection, store, id).await?.is_none() {
        return Ok(Vec::new());
    }
    connection
        .all(
            "SELECT inbox_id, id, at, headers, body, verified, answer_status FROM inbox_requests \
             WHERE inbox_id = $1 ORDER BY id DESC LIMIT $2",
            &[&uuid(id.as_bytes()), &from_count(INBOX_REQUESTS_MAX)],
            |row| read_request(row, sealer),
        )
        .await
}

/// Blanks what was received of an object. There are few requests, and what they are about is sealed.
pub(super) async fn erase(tx: &Tx, store: &StoreId, object: &ObjectName) -> Result<()> {
    for inbox in list(tx, store).await? {
        for request in list_requests(tx, &tx.sealer, store, inbox.id).await? {
            if object.is_in(&request.headers) {
                let sql = "UPDATE inbox_requests SET body = '' WHERE inbox_id = $1 AND id = $2";
                tx.execute(sql, &[&uuid(inbox.id.as_bytes()), &uuid(request.id.as_bytes())]).await?;
            }
        }
    }
    Ok(())
}

fn place_of(request: InboxRequestId) -> String {
    format!("inbox request/{request}/headers")
}

fn read(row: &Row) -> Result<Inbox> {
    Ok(Inbox {
        id: id(row, 0, InboxId::from_bytes)?,
        store: store_id(row, 1)?,
        name: row.try_get(2)?,
        token: row.try_get(3)?,
        answer: word(row, 4, "answer of an inbox", InboxAnswer::parse)?,
        created_at: time(row, 5)?,
    })
}

fn read_request(row: &Row, sealer: &Sealer) -> Result<InboxRequest> {
    let request = id(row, 1, InboxRequestId::from_bytes)?;
    let place = place_of(request);
    let headers = sealer.open(&place, row.try_get(3)?)?;
    let answer_status: i32 = row.try_get(6)?;
    let is_unreadable = |_| unreadable("status of an answer", &answer_status.to_string());
    Ok(InboxRequest {
        id: request,
        inbox: id(row, 0, InboxId::from_bytes)?,
        at: time(row, 2)?,
        headers: serde_json::from_slice(&headers).map_err(|_| unreadable("list of headers", &place))?,
        body: row.try_get(4)?,
        verified: row.try_get(5)?,
        answer_status: u16::try_from(answer_status).map_err(is_unreadable)?,
    })
}
