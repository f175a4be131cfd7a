-- Numbers that nobody has ended or pursued for `:by`, and this version of the code never will: it
-- does not know a word in their row. Newer code does, where it runs beside this.
WITH RECURSIVE ending AS (
    (SELECT provider FROM activation WHERE NOT settled ORDER BY provider LIMIT 1)
    UNION ALL
    SELECT (SELECT a.provider FROM activation a
             WHERE NOT a.settled AND a.provider > e.provider ORDER BY a.provider LIMIT 1)
      FROM ending e WHERE e.provider IS NOT NULL
),
left_alone AS (
    SELECT a.id, a.provider, a.state, a.provider_state, a.reason
      FROM ending e JOIN activation a USING (provider)
     WHERE NOT a.settled AND a.lease_until <= {{now}}
       AND a.ending_at <= {{now}} - CAST(:by AS interval)
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
