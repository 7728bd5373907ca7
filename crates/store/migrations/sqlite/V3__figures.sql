-- What the overview shows, counted as it happens: reading the rows themselves would take longer with every
-- delivery. An hour is that of a delivery's id, in milliseconds since 1970 divided by 3,600,000.

-- Deliveries by the state they are in now. Of events that no webhook takes, and of the events themselves,
-- the webhook is the empty blob.
CREATE TABLE hourly_deliveries (
    store_id         TEXT NOT NULL,
    hour             INTEGER NOT NULL,
    webhook_id       BLOB NOT NULL,
    events           INTEGER NOT NULL,
    pending          INTEGER NOT NULL,
    retrying         INTEGER NOT NULL,
    succeeded        INTEGER NOT NULL,
    failed           INTEGER NOT NULL,
    skipped          INTEGER NOT NULL,
    last_failed_at   INTEGER,             -- of the last failed attempt, as are the next two
    last_error       TEXT,
    last_status_code INTEGER,
    PRIMARY KEY (store_id, hour, webhook_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX hourly_deliveries_hour ON hourly_deliveries (hour);

-- How long attempts took: how many within each class of durations (the code says which).
CREATE TABLE hourly_durations (
    store_id TEXT NOT NULL,
    hour     INTEGER NOT NULL,
    class    INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    PRIMARY KEY (store_id, hour, class)
) STRICT, WITHOUT ROWID;

CREATE INDEX hourly_durations_hour ON hourly_durations (hour);

-- What is there already. The first six bytes of an id are its millisecond; durations begin with what comes.
INSERT INTO hourly_deliveries (store_id, hour, webhook_id, events, pending, retrying, succeeded, failed, skipped)
SELECT store_id, millisecond / 3600000, webhook, SUM(status = 'event'), SUM(status = 'pending'),
    SUM(status = 'retrying'), SUM(status = 'succeeded'), SUM(status = 'failed'), SUM(status = 'skipped')
FROM (
    SELECT store_id, webhook, status,
        (instr('123456789ABCDEF', substr(h,  1, 1)) << 44) +
        (instr('123456789ABCDEF', substr(h,  2, 1)) << 40) +
        (instr('123456789ABCDEF', substr(h,  3, 1)) << 36) +
        (instr('123456789ABCDEF', substr(h,  4, 1)) << 32) +
        (instr('123456789ABCDEF', substr(h,  5, 1)) << 28) +
        (instr('123456789ABCDEF', substr(h,  6, 1)) << 24) +
        (instr('123456789ABCDEF', substr(h,  7, 1)) << 20) +
        (instr('123456789ABCDEF', substr(h,  8, 1)) << 16) +
        (instr('123456789ABCDEF', substr(h,  9, 1)) << 12) +
        (instr('123456789ABCDEF', substr(h, 10, 1)) <<  8) +
        (instr('123456789ABCDEF', substr(h, 11, 1)) <<  4) +
        (instr('123456789ABCDEF', substr(h, 12, 1)) <<  0) AS millisecond
    FROM (
        SELECT store_id, hex(id) AS h, coalesce(webhook_id, x'') AS webhook, status FROM deliveries
        UNION ALL
        SELECT store_id, hex(id), x'', 'event' FROM events
    )
)
GROUP BY 1, 2, 3;
