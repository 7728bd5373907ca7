-- What a person asked for (Gửi lại, gửi thử) is claimed before what waits by itself, however much that is.
CREATE INDEX deliveries_asked
    ON deliveries (webhook_id, due_at)
    WHERE due_at IS NOT NULL AND (resend_at IS NOT NULL OR is_test = 1);
