-- How the last attempt whose result moved a delivery's state ended, beside last_error; and the list of stores by
-- age. Only additions: the version before this one runs on it, and leaves the new columns as they are.

ALTER TABLE deliveries ADD COLUMN last_outcome TEXT;
ALTER TABLE deliveries ADD COLUMN last_duration_ms INTEGER; -- none where the outcome is 'interrupted'
ALTER TABLE hourly_deliveries ADD COLUMN last_outcome TEXT; -- of the last failed attempt

CREATE INDEX stores_made ON stores (created_at, id) WHERE deleted_at IS NULL;

-- Of what is there already, only the deliveries in trouble get them: those whose explanation a person looks for, and
-- an index finds. To write every row that ever succeeded anew would take as long as the table is big. The row of the
-- history that moved the state is the last one with the delivery's error: a stale one may come after it.
UPDATE deliveries INDEXED BY deliveries_status
SET (last_outcome, last_duration_ms) = (
    SELECT a.outcome, iif(a.outcome = 'interrupted', NULL, a.duration_ms) FROM attempts a
    WHERE a.delivery_id = deliveries.id AND a.error IS deliveries.last_error
    ORDER BY a.number DESC LIMIT 1)
WHERE (status = 'retrying' OR status = 'failed' OR status = 'skipped') AND status IN ('retrying', 'failed');
