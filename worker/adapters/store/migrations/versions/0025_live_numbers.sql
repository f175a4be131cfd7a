-- What lives is found by a narrow table, not by partial indexes of the wide one: their condition changes
-- when a number is settled, and then each index of the wide table is written again.
--
-- Additive: the code of 0023 reads the partial indexes, which stay until `migrate --finish`, and what it
-- writes is carried over by triggers. Only what lives is read here, by one of these indexes.

CREATE TABLE live (
    id          uuid NOT NULL,
    at_provider text NOT NULL,
    ends_at     timestamptz NOT NULL,
    ref         text
);

-- Whether the code that wrote the row wrote its row in `live`, too, and deleted it with the settlement.
-- NULL: it knows nothing of it, and the triggers did or will do it.
ALTER TABLE activation ADD COLUMN listed boolean;

LOCK TABLE activation IN SHARE ROW EXCLUSIVE MODE;
INSERT INTO live (id, at_provider, ends_at, ref)
SELECT id, provider, ending_at, provider_ref FROM activation WHERE NOT settled;
-- Built of what is there already, which is quicker: who reads or writes of numbers waits for this.
ALTER TABLE live ADD PRIMARY KEY (id);
CREATE INDEX live_due ON live (at_provider, ends_at);
-- A provider may use a ref again, but never for two numbers that are alive.
CREATE UNIQUE INDEX live_ref ON live (at_provider, ref);

CREATE FUNCTION list_live() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO live (id, at_provider, ends_at, ref)
    VALUES (NEW.id, NEW.provider, NEW.ending_at, NEW.provider_ref);
    RETURN NULL;
END $$;
CREATE TRIGGER activation_lives AFTER INSERT ON activation
    FOR EACH ROW WHEN (NOT NEW.settled AND NEW.listed IS NULL) EXECUTE FUNCTION list_live();

CREATE FUNCTION change_live() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE live SET ends_at = NEW.ending_at, ref = NEW.provider_ref WHERE id = OLD.id;
    RETURN NULL;
END $$;
CREATE TRIGGER activation_lives_on AFTER UPDATE OF ending_at, provider_ref ON activation
    FOR EACH ROW WHEN (NOT NEW.settled AND (OLD.ending_at, OLD.provider_ref)
                                           IS DISTINCT FROM (NEW.ending_at, NEW.provider_ref))
    EXECUTE FUNCTION change_live();

CREATE FUNCTION end_live() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM live WHERE id = OLD.id;
    RETURN NULL;
END $$;
CREATE TRIGGER activation_lives_no_more AFTER UPDATE OF settled ON activation
    FOR EACH ROW WHEN (NEW.settled AND NOT OLD.settled AND NEW.listed IS DISTINCT FROM false)
    EXECUTE FUNCTION end_live();

-- Who is not in `live` is never ended: what is not settled stays there, whoever deletes. One by one, by
-- the primary key: a plan for many would read all numbers.
CREATE FUNCTION refuse_unlisting() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM gone CROSS JOIN LATERAL (
                   SELECT FROM activation a WHERE a.id = gone.id AND NOT a.settled LIMIT 1) lives) THEN
        RAISE EXCEPTION 'a number lives until it is settled' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER live_keeps_rows AFTER DELETE ON live REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_unlisting();

CREATE FUNCTION refuse_second_life() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a settled number does not live again' USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER activation_settles_once AFTER UPDATE OF settled ON activation
    FOR EACH ROW WHEN (OLD.settled AND NOT NEW.settled) EXECUTE FUNCTION refuse_second_life();

-- Room for the settlement beside the lease, whose row is a little longer: both stay on their page.
ALTER TABLE activation SET (fillfactor = 45);
