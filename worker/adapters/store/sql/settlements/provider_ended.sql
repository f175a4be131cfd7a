-- A read showed waiting numbers as cancelled by the provider itself: they are expiring, reason
-- provider, and the settlement follows at once (E2 with E4a). Locked in id order.
WITH locked AS MATERIALIZED (
    SELECT id FROM activation
     WHERE id = ANY(CAST(:ids AS uuid[])) AND state = 'waiting'
     ORDER BY id FOR NO KEY UPDATE
),
ended AS (
    UPDATE activation a
       SET state = 'expiring', reason = 'provider', version = version + 1,
           provider_state = 'cancelling', epoch = epoch + 1,
           ending_at = least(a.ending_at, {{now}})
      FROM locked WHERE a.id = locked.id AND a.state = 'waiting'
    RETURNING a.*
),
logged AS (
    INSERT INTO transition (activation_id, at, what, state, detail)
    SELECT id, {{now}}, 'expiring', 'expiring',
           jsonb_build_object('reason', 'provider')
      FROM ended
)
SELECT {{due_number}}
  FROM ended
