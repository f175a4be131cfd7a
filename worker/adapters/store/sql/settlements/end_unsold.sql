-- Purchases that were never sold, while their customers wait: expiring, reason provider, and the
-- settlement follows at once. `cancelled` says that nothing is owed there; adopt leaves such a row
-- alone until it is settled. Locked in id order.
WITH locked AS MATERIALIZED (
    SELECT id FROM activation
     WHERE id = ANY(CAST(:ids AS uuid[])) AND state = 'waiting' AND provider_ref IS NULL
     ORDER BY id FOR NO KEY UPDATE
),
ended AS (
    UPDATE activation a
       SET state = 'expiring', reason = 'provider', version = version + 1,
           provider_state = 'cancelled', epoch = epoch + 1,
           ending_at = least(a.ending_at, {{now}})
      FROM locked WHERE a.id = locked.id AND a.state = 'waiting' AND a.provider_ref IS NULL
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
