-- A number's row says that it was accepted, and its settlement how it ended: both stood in its log again.
--
-- Everything is additive: the code of 0023 neither reads nor writes what is new here. It knows no line
-- that is not stored, so all are stored until `written` says that it runs nowhere any more (layout.py).

CREATE TABLE layout (
    one     boolean PRIMARY KEY DEFAULT true CHECK (one),
    written integer NOT NULL DEFAULT 0
);
INSERT INTO layout DEFAULT VALUES;
-- What each process can read; code of before does not say.
ALTER TABLE instance ADD COLUMN layout integer NOT NULL DEFAULT 0;

-- The numbers of these lines among all lines. NULL: the line is stored, as those of before are.
ALTER TABLE activation ADD COLUMN accepted_seq bigint;
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
SELECT s.activation_id, s.seq, s.at, 'settled', s.outcome,
       jsonb_build_object('reason', s.reason, 'provider_state', s.provider_state,
                          'amount_minor', s.amount_minor)
  FROM settlement s
 WHERE s.seq IS NOT NULL
   AND NOT EXISTS (SELECT FROM dropped_number d WHERE d.activation_id = s.activation_id);

-- What a line is read from is written once, like the line was. The settlement is append-only already.
CREATE FUNCTION refuse_other_acceptance() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'when a number was accepted does not change'
          USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER activation_accepted_once BEFORE UPDATE OF id, created_at, accepted_seq ON activation
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_other_acceptance();
-- A number may be forgotten when its books were exported and dropped, and never before.
CREATE TRIGGER activation_keeps_rows AFTER DELETE ON activation REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_delete('id');
