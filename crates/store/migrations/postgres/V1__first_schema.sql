-- The same tables as in SQLite, with what PostgreSQL does otherwise. Times are UTC milliseconds, ids the 16 bytes
-- of a UUIDv7. Words and ids that the platform gives are compared byte by byte (COLLATE "C"), as SQLite does. No
-- foreign keys: the verbs keep the rows consistent, and checks would cost each event a search per reference.

CREATE TABLE meta (
    key   TEXT COLLATE "C" PRIMARY KEY,
    value BYTEA NOT NULL
);

-- `deleted_at` is set while the rows of a deleted store are being removed.
CREATE TABLE stores (
    id             TEXT COLLATE "C" PRIMARY KEY,
    name           TEXT NOT NULL,
    created_at     BIGINT NOT NULL,
    config_version BIGINT NOT NULL,
    deleted_at     BIGINT
);

CREATE INDEX stores_deleted ON stores (deleted_at) WHERE deleted_at IS NOT NULL;
CREATE INDEX stores_made ON stores (created_at, id) WHERE deleted_at IS NULL;

-- A deleted webhook stays for its URL, without what was sealed.
CREATE TABLE webhooks (
    id                    UUID PRIMARY KEY,
    store_id              TEXT COLLATE "C" NOT NULL,
    url                   TEXT NOT NULL,
    enabled               BOOLEAN NOT NULL,
    disabled_reason       TEXT,
    created_at            BIGINT NOT NULL,
    updated_at            BIGINT NOT NULL,
    deleted_at            BIGINT,
    events                TEXT NOT NULL, -- a JSON list of patterns
    description           TEXT NOT NULL,
    max_attempts          INTEGER,
    interval_ms           BIGINT,
    schedule_ms           TEXT,          -- a JSON list
    timeout_ms            BIGINT,
    secret                BYTEA,         -- sealed, as are the next and the headers
    previous_secret       BYTEA,
    previous_secret_until BIGINT,
    headers               BYTEA
);

CREATE INDEX webhooks_store ON webhooks (store_id, id);

-- The next three are cut into a part per day by the id, which begins with its millisecond; the program makes the
-- parts ahead (partitions.rs), with the settings of storage that parts do not take over from here.

-- Payloads are kept as they are: compressing 2 KB costs more than it saves.
CREATE TABLE events (
    id          UUID NOT NULL,
    store_id    TEXT COLLATE "C" NOT NULL,
    event_type  TEXT COLLATE "C" NOT NULL,
    object_id   TEXT COLLATE "C" NOT NULL,
    occurred_at BIGINT,
    created_at  BIGINT NOT NULL,
    is_test     BOOLEAN NOT NULL,
    payload     BYTEA NOT NULL,
    PRIMARY KEY (id)
) PARTITION BY RANGE (id);

ALTER TABLE events ALTER COLUMN payload SET STORAGE EXTERNAL;

CREATE TABLE deliveries (
    store_id         TEXT COLLATE "C" NOT NULL,
    id               UUID NOT NULL,
    event_id         UUID NOT NULL,
    webhook_id       UUID,
    event_type       TEXT COLLATE "C" NOT NULL,
    object_id        TEXT COLLATE "C" NOT NULL,
    is_test          BOOLEAN NOT NULL,
    created_at       BIGINT NOT NULL,
    last_error       TEXT,
    last_outcome     TEXT,
    last_duration_ms BIGINT,
    status           TEXT COLLATE "C" NOT NULL,
    reason           TEXT,
    next_attempt_at  BIGINT,
    resend_at        BIGINT,
    claim            BIGINT NOT NULL,
    claimed_until    BIGINT,
    auto_attempts    INTEGER NOT NULL,
    interruptions    INTEGER NOT NULL,
    last_number      INTEGER NOT NULL,
    attempts         INTEGER NOT NULL,
    responses        INTEGER NOT NULL,
    last_status_code INTEGER,
    due_at           BIGINT,             -- always DeliveryState::due_at() of the columns above
    PRIMARY KEY (store_id, id)
) PARTITION BY RANGE (id);

-- Only what is unfinished, so it stays small.
CREATE INDEX deliveries_due ON deliveries (webhook_id, due_at) WHERE due_at IS NOT NULL;

-- What a person asked for is claimed before what waits by itself, however much that is.
CREATE INDEX deliveries_asked ON deliveries (webhook_id, due_at)
    WHERE due_at IS NOT NULL AND (resend_at IS NOT NULL OR is_test);

-- Not with the store first: a delivery is looked for by (store_id, id) a thousand times a second, and before a day is
-- analyzed the server would as soon walk all of a store's entries here as find the one in the primary key.
CREATE INDEX deliveries_object ON deliveries (object_id, store_id, id);

-- Not the two states of a delivery without trouble, which would cost each event two more writes.
CREATE INDEX deliveries_status ON deliveries (store_id, status, id)
    WHERE status IN ('retrying', 'failed', 'skipped');

CREATE TABLE attempts (
    delivery_id        UUID NOT NULL,
    number             INTEGER NOT NULL,
    trigger            TEXT NOT NULL,
    started_at         BIGINT NOT NULL,
    duration_ms        BIGINT NOT NULL,
    outcome            TEXT NOT NULL,
    status_code        INTEGER,
    error              TEXT,
    request_headers    TEXT NOT NULL,    -- a JSON list of [name, value]
    response_headers   TEXT NOT NULL,
    response_truncated BOOLEAN NOT NULL,
    response_body      BYTEA NOT NULL,
    PRIMARY KEY (delivery_id, number)
) PARTITION BY RANGE (delivery_id);

CREATE TABLE idempotency_keys (
    store_id   TEXT COLLATE "C" NOT NULL,
    key        TEXT COLLATE "C" NOT NULL,
    body_hash  BYTEA NOT NULL,
    expires_at BIGINT NOT NULL,
    results    BYTEA NOT NULL,           -- per event: 16 bytes of id, 4 of its number of deliveries
    PRIMARY KEY (store_id, key)
);

CREATE INDEX idempotency_keys_expiry ON idempotency_keys (expires_at);

CREATE TABLE api_keys (
    hash         BYTEA PRIMARY KEY,
    id           UUID NOT NULL UNIQUE,
    name         TEXT NOT NULL,
    store_id     TEXT COLLATE "C",       -- none: the platform's
    scopes       TEXT NOT NULL,          -- words with spaces between
    created_at   BIGINT NOT NULL,
    expires_at   BIGINT,
    last_used_at BIGINT
);

CREATE INDEX api_keys_store ON api_keys (store_id);

CREATE TABLE users (
    id              UUID PRIMARY KEY,
    email           TEXT COLLATE "C" NOT NULL UNIQUE, -- in lower case
    role            TEXT NOT NULL,
    password_hash   BYTEA,               -- sealed
    created_at      BIGINT NOT NULL,
    last_sign_in_at BIGINT
);

CREATE TABLE user_stores (
    user_id  UUID NOT NULL,
    store_id TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (user_id, store_id)
);

CREATE INDEX user_stores_store ON user_stores (store_id);

-- Of a user, or of a portal: then with the one store and the role there.
CREATE TABLE sessions (
    hash       BYTEA PRIMARY KEY,
    user_id    UUID,
    store_id   TEXT COLLATE "C",
    role       TEXT,
    created_at BIGINT NOT NULL,
    touched_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);

CREATE INDEX sessions_user ON sessions (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX sessions_store ON sessions (store_id) WHERE store_id IS NOT NULL;
CREATE INDEX sessions_expiry ON sessions (expires_at);

-- For the first admin, or for a portal: then with the store and the role there.
CREATE TABLE sign_in_links (
    hash          BYTEA PRIMARY KEY,
    store_id      TEXT COLLATE "C",
    role          TEXT,
    created_at    BIGINT NOT NULL,
    expires_at    BIGINT NOT NULL,
    session_until BIGINT NOT NULL
);

CREATE INDEX sign_in_links_store ON sign_in_links (store_id) WHERE store_id IS NOT NULL;
CREATE INDEX sign_in_links_expiry ON sign_in_links (expires_at);

-- No references: an entry outlives what it tells of, and who did it.
CREATE TABLE audit_log (
    id         UUID PRIMARY KEY,
    at         BIGINT NOT NULL,
    actor_kind TEXT NOT NULL,
    actor_id   UUID,                     -- of a key or user
    actor_name TEXT NOT NULL,            -- of a key; a user's address, a portal's store
    action     TEXT NOT NULL,
    store_id   TEXT COLLATE "C",
    subject    TEXT NOT NULL,
    before     BYTEA,                    -- a JSON object of what changed; sealed, as is the next
    after      BYTEA
);

CREATE INDEX audit_log_store ON audit_log (store_id, id);

CREATE TABLE resend_jobs (
    id         UUID PRIMARY KEY,
    store_id   TEXT COLLATE "C" NOT NULL,
    filter     TEXT NOT NULL,            -- a JSON object
    up_to      UUID NOT NULL,
    cursor     UUID,
    total      BIGINT NOT NULL,
    done       BIGINT NOT NULL,
    state      TEXT NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE INDEX resend_jobs_store ON resend_jobs (store_id, id);
CREATE INDEX resend_jobs_running ON resend_jobs (id) WHERE state = 'running';

CREATE TABLE inboxes (
    id         UUID PRIMARY KEY,
    store_id   TEXT COLLATE "C" NOT NULL,
    name       TEXT NOT NULL,
    token      TEXT COLLATE "C" NOT NULL UNIQUE,
    answer     TEXT NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE INDEX inboxes_store ON inboxes (store_id, id);

CREATE TABLE inbox_requests (
    inbox_id      UUID NOT NULL,
    id            UUID NOT NULL,
    at            BIGINT NOT NULL,
    headers       BYTEA NOT NULL,        -- sealed
    body          BYTEA NOT NULL,
    verified      BOOLEAN,
    answer_status INTEGER NOT NULL,
    PRIMARY KEY (inbox_id, id)
);

-- What the overview shows, counted as it happens. An hour is that of a delivery's id. Rows add up: each commit
-- adds its own, so that no two commits wait for one another's, and sweeping folds those of an hour into one. Of
-- events that no webhook takes, and of the events themselves, there is no webhook.
CREATE TABLE hourly_deliveries (
    store_id         TEXT COLLATE "C" NOT NULL,
    hour             BIGINT NOT NULL,
    webhook_id       UUID,
    events           BIGINT NOT NULL,
    pending          BIGINT NOT NULL,
    retrying         BIGINT NOT NULL,
    succeeded        BIGINT NOT NULL,
    failed           BIGINT NOT NULL,
    skipped          BIGINT NOT NULL,
    last_failed_at   BIGINT,             -- of the last failed attempt, as are the next three
    last_error       TEXT,
    last_outcome     TEXT,
    last_status_code INTEGER,
    is_folded        BOOLEAN NOT NULL DEFAULT FALSE
);

CREATE INDEX hourly_deliveries_store ON hourly_deliveries (store_id, hour);
CREATE INDEX hourly_deliveries_hour ON hourly_deliveries (hour);
CREATE INDEX hourly_deliveries_unfolded ON hourly_deliveries (store_id, hour, webhook_id) WHERE NOT is_folded;

-- How long attempts took: how many within each class of durations (the code says which).
CREATE TABLE hourly_durations (
    store_id  TEXT COLLATE "C" NOT NULL,
    hour      BIGINT NOT NULL,
    class     BIGINT NOT NULL,
    attempts  BIGINT NOT NULL,
    is_folded BOOLEAN NOT NULL DEFAULT FALSE
);

CREATE INDEX hourly_durations_store ON hourly_durations (store_id, hour);
CREATE INDEX hourly_durations_hour ON hourly_durations (hour);
CREATE INDEX hourly_durations_unfolded ON hourly_durations (store_id, hour, class) WHERE NOT is_folded;

-- The processes that share this database; one that has not been heard of for long is dead.
CREATE TABLE nodes (
    id         UUID PRIMARY KEY,
    name       TEXT NOT NULL,
    role       TEXT NOT NULL,
    version    TEXT NOT NULL,
    started_at BIGINT NOT NULL,
    seen_at    BIGINT NOT NULL
);
