-- The deadline passed and no cancel went out: the number is expiring all the same (E2). The provider
-- cannot be asked, or is not configured any more. Nothing was sent, so its provider_state stays.
-- `:behind` leaves the normal path its time: a lease does the same with one write less.
WITH RECURSIVE providers AS (
    (SELECT at_provider AS provider FROM live ORDER BY at_provider LIMIT 1)
    UNION ALL
    SELECT (SELECT at_provider FROM live
             WHERE at_provider > p.provider ORDER BY at_provider LIMIT 1)
      FROM providers p WHERE p.provider IS NOT NULL
),
due AS MATERIALIZED (
    SELECT id FROM activation
     WHERE id = ANY(ARRAY(SELECT l.id FROM providers p JOIN live l ON l.at_provider = p.provider
                           WHERE l.ends_at <= {{now}} - CAST(:behind AS interval)))
       AND NOT settled AND state = 'waiting'
       -- Its own, if it changed since `live` was read.
       AND ending_at <= {{now}} - CAST(:behind AS interval)
     LIMIT :limit
       FOR NO KEY UPDATE SKIP LOCKED
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
