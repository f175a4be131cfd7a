-- Purchases that were never sold, while their customers wait, also for a cancel: expiring, with the
-- first reason, and the settlement follows at once. `cancelled` says that nothing is owed there;
-- adopt leaves such a row alone until it is settled. One whose settlement did not follow is told
-- again. Locked in id order. Words we do not know are newer code's: see lease_cancels.
WITH locked AS MATERIALIZED (
    SELECT id, state FROM activation
     WHERE id = ANY(CAST(:ids AS uuid[])) AND state IN ('waiting', 'expiring')
       AND provider_ref IS NULL AND provider_state = ANY(CAST(:provider_states AS text[]))
       AND (reason IS NULL OR reason = ANY(CAST(:reasons AS text[])))
     ORDER BY id FOR NO KEY UPDATE
),
ended AS (
    UPDATE activation a
       SET state = 'expiring', reason = coalesce(a.reason, 'provider'), version = version + 1,
           provider_state = 'cancelled', epoch = epoch + 1,
           ending_at = least(a.ending_at, {{now}})
      FROM locked WHERE a.id = locked.id AND a.provider_ref IS NULL
    RETURNING a.*
),
logged AS (
    INSERT INTO transition (activation_id, at, what, state, detail)
    SELECT id, {{now}}, 'expiring', 'expiring',
           jsonb_build_object('reason', 'provider')
      FROM locked WHERE state = 'waiting'
)
SELECT {{due_number}}
  FROM ended
