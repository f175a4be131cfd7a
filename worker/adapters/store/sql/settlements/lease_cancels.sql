-- Lease numbers that are to be cancelled now, oldest first; the intent is committed by this (E2, E4).
--
-- SKIP LOCKED in a MATERIALIZED step: a plain IN (SELECT ... LIMIT) may run again and lease too
-- much. The lease is not indexed, so this is a HOT update; what is leased or postponed is skipped
-- here, and there is never more of it than the grace lets pile up. `:ids` leases those alone.
-- Words we do not know are newer code's: it ends these numbers, and `foreign_rows` tells of them.
-- That a window ended in silence is a line of the log that stands in the row itself.
WITH due AS MATERIALIZED (
    SELECT id, state AS was, provider_state AS provider_was, attempts AS before,
           state = 'waiting' AND reason IS NULL AND expired_seq IS NULL AND {{layout}} >= 3 AS in_row
      FROM live JOIN activation USING (id)
     WHERE at_provider = :provider AND NOT settled
       AND ends_at <= {{now}} AND ending_at <= {{now}}  -- Its own, if it changed since `live` was read.
       AND lease_until <= {{now}}
       AND state IN ('waiting', 'expiring') AND provider_ref IS NOT NULL
       AND (reason IS NULL OR reason = ANY(CAST(:reasons AS text[])))
       AND provider_state = ANY(CAST(:provider_states AS text[]))
       AND (CAST(:ids AS uuid[]) IS NULL OR id = ANY(CAST(:ids AS uuid[])))
     ORDER BY ends_at LIMIT :limit
       FOR NO KEY UPDATE OF activation SKIP LOCKED
),
leased AS (
    UPDATE activation a
       SET state = 'expiring', provider_state = 'cancelling', reason = coalesce(reason, 'timeout'),
           attempts = attempts + 1, epoch = epoch + 1,
           version = version + CASE due.was WHEN 'waiting' THEN 1 ELSE 0 END,
           lease_until = {{now}} + CAST(:lease AS interval), leased_by = CAST(:holder AS uuid),
           expired_at = CASE WHEN due.in_row THEN {{now}} ELSE expired_at END,
           expired_seq = CASE WHEN due.in_row THEN nextval('transition_seq_seq') ELSE expired_seq END
      FROM due WHERE a.id = due.id
    RETURNING a.*, due.was, due.provider_was, due.before, due.in_row
),
logged AS (
    INSERT INTO transition (activation_id, at, what, state, detail)
    SELECT id, {{now}}, 'expiring', 'expiring',
           jsonb_build_object('reason', reason)
      FROM leased WHERE was = 'waiting' AND NOT in_row
)
SELECT {{due_number with provider_was AS provider_state, before AS attempts}}
  FROM leased ORDER BY ending_at
