-- A number's row says that it was accepted and that its window ended in silence, and its settlement how
-- it ended. Both stood in its log again, and in the event of its ending.
--
-- Everything is additive: the code of 0023 neither reads nor writes what is new here. It knows no line
-- and no event that is not stored whole, so all are until `written` says that it runs nowhere any more
-- (layout.py).

CREATE TABLE layout (
    one     boolean PRIMARY KEY DEFAULT true CHECK (one),
    written integer NOT NULL DEFAULT 0
);
INSERT INTO layout DEFAULT VALUES;
-- What each process can read; code of before does not say.
ALTER TABLE instance ADD COLUMN layout integer NOT NULL DEFAULT 0;

-- The numbers of these lines among all lines. NULL: the line is stored, as those of before are.
ALTER TABLE activation
    ADD COLUMN accepted_seq bigint,
    ADD COLUMN expired_at timestamptz,
    ADD COLUMN expired_seq bigint,
    ADD CONSTRAINT activation_expired_check CHECK ((expired_at IS NULL) = (expired_seq IS NULL)) NOT VALID;
ALTER TABLE settlement ADD COLUMN seq bigint, ADD COLUMN provider_state text;

-- All lines of all numbers, stored or read. What was dropped is gone, wherever it stood.
CREATE VIEW timeline AS
SELECT activation_id, seq, at, what, state, detail FROM transition
UNION ALL
SELECT a.id, a.accepted_seq, a.created_at, 'accepted', 'waiting', NULL
  FROM activation a
 WHERE a.accepted_seq IS NOT NULL
   AND NOT EXISTS (SELECT FROM dropped_number d WHERE d.activation_id = a.id)
UNION ALL
-- The lease that begins the ending of a silent number changes its row anyway: its line goes along.
SELECT a.id, a.expired_seq, a.expired_at, 'expiring', 'expiring',
       jsonb_build_object('reason', 'timeout')
  FROM activation a
 WHERE a.expired_seq IS NOT NULL
   AND NOT EXISTS (SELECT FROM dropped_number d WHERE d.activation_id = a.id)
UNION ALL
SELECT s.activation_id, s.seq, s.at, 'settled', s.outcome,
       jsonb_build_object('reason', s.reason, 'provider_state', s.provider_state,
                          'amount_minor', s.amount_minor)
  FROM settlement s
 WHERE s.seq IS NOT NULL
   AND NOT EXISTS (SELECT FROM dropped_number d WHERE d.activation_id = s.activation_id);

-- What the event of an ending tells stands in the number and its settlement.
ALTER TABLE event ALTER COLUMN payload DROP NOT NULL;
ALTER TABLE event ADD CONSTRAINT event_payload_check
    CHECK (payload IS NOT NULL OR activation_id IS NOT NULL
           AND type IN ('activation.delivered', 'activation.refunded', 'activation.closed')) NOT VALID;

-- What a line is read from is written once, like the line was. The settlement is append-only already.
CREATE FUNCTION refuse_other_acceptance() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'when a number was accepted does not change'
          USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER activation_accepted_once BEFORE UPDATE OF id, created_at, accepted_seq ON activation
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_other_acceptance();
-- A number may be forgotten when its books were exported and dropped, and never before.
CREATE TRIGGER activation_append_only BEFORE TRUNCATE ON activation
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER activation_keeps_rows AFTER DELETE ON activation REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_delete('id');

-- What was told stays what was told. A number that was bought has no ref until the provider says it, and
-- then keeps that one.
CREATE FUNCTION refuse_other_terms() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the terms of a number do not change' USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER activation_keeps_terms
    BEFORE UPDATE OF provider, account, price_minor, currency, charge, order_ref ON activation
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_other_terms();
CREATE TRIGGER activation_keeps_ref AFTER UPDATE OF provider_ref ON activation
    FOR EACH ROW WHEN (OLD.provider_ref <> NEW.provider_ref OR OLD.settled AND NEW.provider_ref IS NULL)
    EXECUTE FUNCTION refuse_other_terms();
CREATE TRIGGER activation_expires_once AFTER UPDATE OF expired_at, expired_seq ON activation
    FOR EACH ROW WHEN (OLD.expired_seq IS NOT NULL
                       AND (OLD.expired_seq, OLD.expired_at)
                           IS DISTINCT FROM (NEW.expired_seq, NEW.expired_at))
    EXECUTE FUNCTION refuse_other_terms();

-- From `migrate --finish` on code of before is kept out: it neither begins nor comes back to life. Nor
-- does one that was asleep send an event whose payload it does not know to read elsewhere. What is
-- written is asked for in a function, which sees what was committed while its statement waited.
CREATE FUNCTION refuse_older(reads integer) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    needed integer;
BEGIN
    SELECT written INTO needed FROM layout;
    IF reads < needed THEN
        RAISE EXCEPTION 'refused: this version reads layout %, and the database is written in %',
                        reads, needed
              USING ERRCODE = 'WK001',
                    HINT = 'a later version ended its upgrade with migrate --finish: run that one';
    END IF;
END $$;
CREATE FUNCTION refuse_older_process() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM refuse_older(NEW.layout);
    RETURN NEW;
END $$;
CREATE TRIGGER instance_reads_layout BEFORE INSERT OR UPDATE OF dead_at, layout ON instance
    FOR EACH ROW WHEN (NEW.dead_at IS NULL) EXECUTE FUNCTION refuse_older_process();
CREATE FUNCTION refuse_older_sender() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM refuse_older(coalesce((SELECT i.layout FROM instance i WHERE i.id = NEW.leased_by), 0));
    RETURN NEW;
END $$;
CREATE TRIGGER event_is_read_whole BEFORE UPDATE OF leased_by ON event
    FOR EACH ROW WHEN (NEW.payload IS NULL AND NEW.leased_by IS NOT NULL
                       AND NEW.leased_by IS DISTINCT FROM OLD.leased_by)
    EXECUTE FUNCTION refuse_older_sender();
