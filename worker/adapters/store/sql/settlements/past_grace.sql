-- Numbers still owed an ending when the grace is over (E6), of all providers, also of those no
-- longer configured, and purchases whose outcome stayed unknown. Not a lease: see due_deliveries.
-- Words we do not know are newer code's: see lease_cancels.
WITH RECURSIVE providers AS (
    (SELECT provider FROM activation WHERE NOT settled ORDER BY provider LIMIT 1)
    UNION ALL
    SELECT (SELECT a.provider FROM activation a
             WHERE NOT a.settled AND a.provider > p.provider ORDER BY a.provider LIMIT 1)
      FROM providers p WHERE p.provider IS NOT NULL
)
SELECT due.* FROM providers p, LATERAL (
    SELECT {{due_number}}
      FROM activation
     WHERE provider = p.provider AND NOT settled AND state = 'expiring'
       AND ending_at <= {{now}}
       AND (reason IS NULL OR reason = ANY(CAST(:reasons AS text[])))
       AND provider_state = ANY(CAST(:provider_states AS text[]))
       AND deadline_at < {{now}} - CAST(:grace AS interval)
     ORDER BY ending_at LIMIT :limit
) due LIMIT :limit
