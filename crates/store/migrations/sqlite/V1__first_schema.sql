-- Times are UTC milliseconds. Ids are the 16 bytes of a UUIDv7, so that new rows go to the right edge of their
-- b-trees. States, reasons, triggers and outcomes are the words of the API. No foreign keys: see connection.rs.

-- What this database says about itself: that it belongs to a master key, and the last write probe.
CREATE TABLE meta (
    key   TEXT PRIMARY KEY NOT NULL,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- `deleted_at` is set while the rows of a deleted store are being removed.
CREATE TABLE stores (
    id             TEXT PRIMARY KEY NOT NULL,
    name           TEXT NOT NULL,
    created_at     INTEGER NOT NULL,
    config_version INTEGER NOT NULL,
    deleted_at     INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX stores_deleted ON stores (deleted_at) WHERE deleted_at IS NOT NULL;

-- A deleted webhook stays for its URL, without what was sealed.
CREATE TABLE webhooks (
    id                    BLOB PRIMARY KEY NOT NULL,
    store_id              TEXT NOT NULL,
    url                   TEXT NOT NULL,
    enabled               INTEGER NOT NULL,
    disabled_reason       TEXT,
    created_at            INTEGER NOT NULL,
    updated_at            INTEGER NOT NULL,
    deleted_at            INTEGER,
    events                TEXT NOT NULL, -- a JSON list of patterns
    description           TEXT NOT NULL,
    max_attempts          INTEGER,
    interval_ms           INTEGER,
    schedule_ms           TEXT,          -- a JSON list
    timeout_ms            INTEGER,
    secret                BLOB,          -- sealed, as are the next and the headers
    previous_secret       BLOB,
    previous_secret_until INTEGER,
    headers               BLOB
) STRICT, WITHOUT ROWID;

CREATE INDEX webhooks_store ON webhooks (store_id, id);

-- With a rowid: payloads of some kilobytes fit the leaves of such a table better than those of an index.
CREATE TABLE events (
    id          BLOB NOT NULL,
    store_id    TEXT NOT NULL,
    event_type  TEXT NOT NULL,
    object_id   TEXT NOT NULL,
    occurred_at INTEGER,
    created_at  INTEGER NOT NULL,
    is_test     INTEGER NOT NULL,
    payload     BLOB NOT NULL
) STRICT;

CREATE UNIQUE INDEX events_id ON events (id);

-- Clustered by store and time: a page of the report is one range of this tree.
CREATE TABLE deliveries (
    store_id         TEXT NOT NULL,
    id               BLOB NOT NULL,
    event_id         BLOB NOT NULL,
    webhook_id       BLOB,
    event_type       TEXT NOT NULL,
    object_id        TEXT NOT NULL,
    is_test          INTEGER NOT NULL,
    created_at       INTEGER NOT NULL,
    last_error       TEXT,
    status           TEXT NOT NULL,
    reason           TEXT,
    next_attempt_at  INTEGER,
    resend_at        INTEGER,
    claim            INTEGER NOT NULL,
    claimed_until    INTEGER,
    auto_attempts    INTEGER NOT NULL,
    interruptions    INTEGER NOT NULL,
    last_number      INTEGER NOT NULL,
    attempts         INTEGER NOT NULL,
    responses        INTEGER NOT NULL,
    last_status_code INTEGER,
    due_at           INTEGER,            -- always DeliveryState::due_at() of the columns above
    PRIMARY KEY (store_id, id)
) STRICT, WITHOUT ROWID;

-- Only what is unfinished, so it stays small. The columns after due_at answer the questions of claiming,
-- skipping and the filter `pending` from the index alone.
CREATE INDEX deliveries_due
    ON deliveries (webhook_id, due_at, claimed_until, resend_at, status, is_test)
    WHERE due_at IS NOT NULL;

CREATE INDEX deliveries_object ON deliveries (store_id, object_id, id);

-- Not the two states of a delivery without trouble, which would cost each event two more writes. Not `IN`, for whose
-- list SQLite makes and drops a table of its own at every row that it writes.
CREATE INDEX deliveries_status
    ON deliveries (store_id, status, id)
    WHERE status = 'retrying' OR status = 'failed' OR status = 'skipped';

CREATE TABLE attempts (
    delivery_id        BLOB NOT NULL,
    number             INTEGER NOT NULL,
    trigger            TEXT NOT NULL,
    started_at         INTEGER NOT NULL,
    duration_ms        INTEGER NOT NULL,
    outcome            TEXT NOT NULL,
    status_code        INTEGER,
    error              TEXT,
    request_headers    TEXT NOT NULL,    -- a JSON list of [name, value]
    response_headers   TEXT NOT NULL,
    response_truncated INTEGER NOT NULL,
    response_body      BLOB NOT NULL,
    PRIMARY KEY (delivery_id, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE idempotency_keys (
    store_id   TEXT NOT NULL,
    key        TEXT NOT NULL,
    body_hash  BLOB NOT NULL,
    expires_at INTEGER NOT NULL,
    results    BLOB NOT NULL,            -- per event: 16 bytes of id, 4 of its number of deliveries
    PRIMARY KEY (store_id, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX idempotency_keys_expiry ON idempotency_keys (expires_at);

CREATE TABLE api_keys (
    hash       BLOB PRIMARY KEY NOT NULL,
    id         BLOB NOT NULL UNIQUE,
    name       TEXT NOT NULL,
    store_id   TEXT,                     -- none: the platform's
    scopes     TEXT NOT NULL,            -- words with spaces between
    created_at INTEGER NOT NULL,
    expires_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX api_keys_store ON api_keys (store_id);
