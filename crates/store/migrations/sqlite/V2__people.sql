-- People, what they do, and what they look at. Only additions: the version before this one runs on it.

ALTER TABLE api_keys ADD COLUMN last_used_at INTEGER;

CREATE TABLE users (
    id              BLOB PRIMARY KEY NOT NULL,
    email           TEXT NOT NULL UNIQUE, -- in lower case
    role            TEXT NOT NULL,
    password_hash   BLOB,                 -- sealed
    created_at      INTEGER NOT NULL,
    last_sign_in_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE user_stores (
    user_id  BLOB NOT NULL,
    store_id TEXT NOT NULL,
    PRIMARY KEY (user_id, store_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX user_stores_store ON user_stores (store_id);

-- Of a user, or of a portal: then with the one store and the role there.
CREATE TABLE sessions (
    hash       BLOB PRIMARY KEY NOT NULL,
    user_id    BLOB,
    store_id   TEXT,
    role       TEXT,
    created_at INTEGER NOT NULL,
    touched_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX sessions_user ON sessions (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX sessions_store ON sessions (store_id) WHERE store_id IS NOT NULL;
CREATE INDEX sessions_expiry ON sessions (expires_at);

-- For the first admin, or for a portal: then with the store and the role there.
CREATE TABLE sign_in_links (
    hash          BLOB PRIMARY KEY NOT NULL,
    store_id      TEXT,
    role          TEXT,
    created_at    INTEGER NOT NULL,
    expires_at    INTEGER NOT NULL,
    session_until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX sign_in_links_store ON sign_in_links (store_id) WHERE store_id IS NOT NULL;
CREATE INDEX sign_in_links_expiry ON sign_in_links (expires_at);

-- No references: an entry outlives what it tells of, and who did it.
CREATE TABLE audit_log (
    id         BLOB PRIMARY KEY NOT NULL,
    at         INTEGER NOT NULL,
    actor_kind TEXT NOT NULL,
    actor_id   BLOB,                      -- of a key or user
    actor_name TEXT NOT NULL,             -- of a key; a user's address, a portal's store
    action     TEXT NOT NULL,
    store_id   TEXT,
    subject    TEXT NOT NULL,
    before     BLOB,                      -- a JSON object of what changed; sealed, as is the next
    after      BLOB
) STRICT, WITHOUT ROWID;

CREATE INDEX audit_log_store ON audit_log (store_id, id);

CREATE TABLE resend_jobs (
    id         BLOB PRIMARY KEY NOT NULL,
    store_id   TEXT NOT NULL,
    filter     TEXT NOT NULL,             -- a JSON object
    up_to      BLOB NOT NULL,
    cursor     BLOB,
    total      INTEGER NOT NULL,
    done       INTEGER NOT NULL,
    state      TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX resend_jobs_store ON resend_jobs (store_id, id);
CREATE INDEX resend_jobs_running ON resend_jobs (id) WHERE state = 'running';

CREATE TABLE inboxes (
    id         BLOB PRIMARY KEY NOT NULL,
    store_id   TEXT NOT NULL,
    name       TEXT NOT NULL,
    token      TEXT NOT NULL UNIQUE,
    answer     TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX inboxes_store ON inboxes (store_id, id);

CREATE TABLE inbox_requests (
    inbox_id      BLOB NOT NULL,
    id            BLOB NOT NULL,
    at            INTEGER NOT NULL,
    headers       BLOB NOT NULL,          -- sealed
    body          BLOB NOT NULL,
    verified      INTEGER,
    answer_status INTEGER NOT NULL,
    PRIMARY KEY (inbox_id, id)
) STRICT, WITHOUT ROWID;
