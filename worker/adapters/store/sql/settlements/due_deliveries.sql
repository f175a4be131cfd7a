-- Numbers with a code whose window is over or whose finish was asked for (E7), of all providers,
-- also of those no longer configured. Not a lease: the settlement's own guard decides.
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
     WHERE provider = p.provider AND NOT settled AND state = 'received'
       AND ending_at <= {{now}}
       AND (reason IS NULL OR reason = ANY(CAST(:reasons AS text[])))
       AND provider_state = ANY(CAST(:provider_states AS text[]))
     ORDER BY ending_at LIMIT :limit
) due LIMIT :limit
