-- The lease that begins the ending of a silent number changes its row anyway: the line of it goes along.
--
-- Everything is additive: the code of 0025 neither reads nor writes what is new here, and every line is
-- stored until `written` in `layout` says that it runs nowhere any more.

ALTER TABLE activation
    ADD COLUMN expired_at timestamptz,
    ADD COLUMN expired_seq bigint,
    ADD CONSTRAINT activation_expired_check CHECK ((expired_at IS NULL) = (expired_seq IS NULL)) NOT VALID;

CREATE OR REPLACE VIEW timeline AS
SELECT activation_id, seq, at, what, state, detail FROM transition
UNION ALL
SELECT a.id, a.accepted_seq, a.created_at, 'accepted', 'waiting', NULL
  FROM activation a
 WHERE a.accepted_seq IS NOT NULL
   AND NOT EXISTS (SELECT FROM dropped_number d WHERE d.activation_id = a.id)
UNION ALL
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

-- Written once, like a line.
CREATE TRIGGER activation_expires_once AFTER UPDATE OF expired_at, expired_seq ON activation
    FOR EACH ROW WHEN (OLD.expired_seq IS NOT NULL
                       AND (OLD.expired_seq, OLD.expired_at)
                           IS DISTINCT FROM (NEW.expired_seq, NEW.expired_at))
    EXECUTE FUNCTION refuse_other_terms();
