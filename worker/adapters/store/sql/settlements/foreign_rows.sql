-- Numbers that nobody has ended or pursued for `:by`, and this version of the code never will: it
-- does not know a word in their row. Newer code does, where it runs beside this.
WITH RECURSIVE ending AS (
    (SELECT at_provider AS provider FROM live ORDER BY at_provider LIMIT 1)
    UNION ALL
    SELECT (SELECT at_provider FROM live
             WHERE at_provider > e.provider ORDER BY at_provider LIMIT 1)
      FROM ending e WHERE e.provider IS NOT NULL
),
left_alone AS (
    SELECT a.id, a.provider, a.state, a.provider_state, a.reason
      FROM activation a
     WHERE a.id = ANY(ARRAY(SELECT l.id FROM ending e JOIN live l ON l.at_provider = e.provider
                             WHERE l.ends_at <= {{now}} - CAST(:by AS interval)))
       AND NOT a.settled AND a.lease_until <= {{now}}
    UNION ALL
    SELECT id, provider, state, provider_state, reason FROM activation
     WHERE pursue_at <= {{now}} - CAST(:by AS interval)
)
SELECT id, provider,
       CASE WHEN state <> ALL(CAST(:states AS text[])) THEN 'state'
            WHEN provider_state <> ALL(CAST(:provider_states AS text[])) THEN 'provider_state'
            ELSE 'reason' END AS of_column
  FROM left_alone
 WHERE state <> ALL(CAST(:states AS text[]))
    OR provider_state <> ALL(CAST(:provider_states AS text[]))
    OR reason <> ALL(CAST(:reasons AS text[]))
 LIMIT :limit
