-- When the configuration of a store was changed last, by the database's clock and whoever changes it, so that a node
-- that a notice did not reach can ask what has changed.
ALTER TABLE stores ADD COLUMN configured_at BIGINT NOT NULL DEFAULT 0;

CREATE INDEX stores_configured ON stores (configured_at);

CREATE FUNCTION bocau_note_configured() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.configured_at := (extract(epoch FROM clock_timestamp()) * 1000)::bigint;
    RETURN NEW;
END $$;

CREATE TRIGGER stores_configured BEFORE INSERT OR UPDATE OF config_version ON stores
    FOR EACH ROW EXECUTE FUNCTION bocau_note_configured();
