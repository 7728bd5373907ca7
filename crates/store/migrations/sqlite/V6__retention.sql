-- How long a store's events are kept, in days, where it has said so. Only additions: the version before this one runs
-- on it, and keeps everything.
ALTER TABLE stores ADD COLUMN retention_days INTEGER;

-- Empty where no store has, however many there are. Days first, so that no other index has this order.
CREATE INDEX stores_retention ON stores (retention_days, id)
    WHERE retention_days IS NOT NULL AND deleted_at IS NULL;

-- What is left of a deleted webhook goes when nothing can name it any more.
CREATE INDEX webhooks_deleted ON webhooks (deleted_at) WHERE deleted_at IS NOT NULL;
