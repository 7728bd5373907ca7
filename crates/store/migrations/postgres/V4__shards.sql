-- Stores spread over several databases (docs/POSTGRESQL.md). One of them, the home, has the directory and a row of
-- `stores` for each store, wherever its other rows are.

-- None: all of the store is here. 'draining': it is, and is about to be moved, so nothing new begins. 'away': its
-- rows are, or are about to be, in another database, and nothing here may write to them.
ALTER TABLE stores ADD COLUMN standing TEXT COLLATE "C";

-- In the home alone. A store of the home that never moved has no row.
CREATE TABLE directory (
    store_id TEXT COLLATE "C" PRIMARY KEY,
    shard    TEXT COLLATE "C" NOT NULL,
    state    TEXT COLLATE "C" NOT NULL, -- 'making', 'made', 'moving' or 'moved'
    since    BIGINT NOT NULL,
    other    TEXT COLLATE "C"           -- where it is moving to, or has just moved from
);

CREATE INDEX directory_shard ON directory (shard);
CREATE INDEX directory_unfinished ON directory (since) WHERE state <> 'made';

-- Stores that have left this database; sweeping removes their rows some time after `since`.
CREATE TABLE leftovers (
    store_id TEXT COLLATE "C" PRIMARY KEY,
    since    BIGINT NOT NULL
);
