-- A provider is given up before its numbers' deadlines: what waits for a code is expiring, reason
-- provider; what is expiring already goes with it. The settlement follows at once (E2 with E6).
-- A purchase that end_unsold ended is `cancelled` already: it stays so, nothing is owed for it.
-- Words we do not know are newer code's: see lease_cancels.
WITH due AS MATERIALIZED (
    SELECT id, state AS was FROM activation
     WHERE id = ANY(ARRAY(SELECT live.id FROM live WHERE at_provider = :provider))
       AND NOT settled AND state IN ('waiting', 'expiring')
       AND (reason IS NULL OR reason = ANY(CAST(:reasons AS text[])))
     ORDER BY id LIMIT :limit
       FOR NO KEY UPDATE
),
ended AS (
    UPDATE activation a
       SET state = 'expiring', reason = coalesce(a.reason, 'provider'),
           provider_state = CASE a.provider_state WHEN 'cancelled' THEN a.provider_state
                                                  ELSE 'cancelling' END,
           epoch = epoch + 1,
           version = version + CASE due.was WHEN 'waiting' THEN 1 ELSE 0 END,
           ending_at = least(a.ending_at, {{now}})
      FROM due WHERE a.id = due.id
    RETURNING a.*, due.was
),
logged AS (
    INSERT INTO transition (activation_id, at, what, state, detail)
    SELECT id, {{now}}, 'expiring', 'expiring',
           jsonb_build_object('reason', reason)
      FROM ended WHERE was = 'waiting'
)
SELECT {{due_number}}
  FROM ended
