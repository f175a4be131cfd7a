-- Numbers with a code whose window is over or whose finish was asked for (E7), of all providers,
-- also of those no longer configured. Not a lease: the settlement's own guard decides.
-- Words we do not know are newer code's: see lease_cancels.
WITH RECURSIVE providers AS (
    (SELECT at_provider AS provider FROM live ORDER BY at_provider LIMIT 1)
    UNION ALL
    SELECT (SELECT at_provider FROM live
             WHERE at_provider > p.provider ORDER BY at_provider LIMIT 1)
      FROM providers p WHERE p.provider IS NOT NULL
)
SELECT due.* FROM providers p, LATERAL (
    SELECT {{due_number}}
      FROM live JOIN activation USING (id)
     WHERE at_provider = p.provider AND NOT settled AND state = 'received'
       AND ends_at <= {{now}}
       AND (reason IS NULL OR reason = ANY(CAST(:reasons AS text[])))
       AND provider_state = ANY(CAST(:provider_states AS text[]))
     ORDER BY ends_at LIMIT :limit
) due LIMIT :limit
