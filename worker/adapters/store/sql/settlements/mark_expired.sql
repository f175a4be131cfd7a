-- The deadline passed and no cancel went out: the number is expiring all the same (E2). The provider
-- cannot be asked, or is not configured any more. Nothing was sent, so its provider_state stays.
-- `:behind` leaves the normal path its time: a lease does the same with one write less.
WITH RECURSIVE providers AS (
    (SELECT provider FROM activation WHERE NOT settled ORDER BY provider LIMIT 1)
    UNION ALL
    SELECT (SELECT a.provider FROM activation a
             WHERE NOT a.settled AND a.provider > p.provider ORDER BY a.provider LIMIT 1)
      FROM providers p WHERE p.provider IS NOT NULL
),
due AS MATERIALIZED (
    SELECT a.id FROM activation a JOIN providers p USING (provider)
     WHERE NOT a.settled AND a.state = 'waiting'
       AND a.ending_at <= {{now}} - CAST(:behind AS interval)
     LIMIT :limit
       FOR NO KEY UPDATE OF a SKIP LOCKED
),
marked AS (
    UPDATE activation a
       SET state = 'expiring', reason = coalesce(reason, 'timeout'), version = version + 1
      FROM due WHERE a.id = due.id
    RETURNING a.id, a.reason
),
logged AS (
    INSERT INTO transition (activation_id, at, what, state, detail)
    SELECT id, {{now}}, 'expiring', 'expiring',
           jsonb_build_object('reason', reason)
      FROM marked
)
SELECT count(*) FROM marked
