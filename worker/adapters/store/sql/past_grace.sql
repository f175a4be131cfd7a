-- Numbers still owed an ending when the grace is over (E6), of all providers, also of those no
-- longer configured, and purchases whose outcome stayed unknown. Not a claim: see due_deliveries.
WITH RECURSIVE providers AS (
    (SELECT provider FROM activation WHERE NOT settled ORDER BY provider LIMIT 1)
    UNION ALL
    SELECT (SELECT a.provider FROM activation a
             WHERE NOT a.settled AND a.provider > p.provider ORDER BY a.provider LIMIT 1)
      FROM providers p WHERE p.provider IS NOT NULL
)
SELECT due.* FROM providers p, LATERAL (
    SELECT id, provider, provider_ref, account, state, provider_state, reason, price_minor, policy,
           policy_version, rented_at, deadline_at, attempts, unknown_reads, epoch
      FROM activation
     WHERE provider = p.provider AND NOT settled AND state = 'expiring'
       AND ending_at <= coalesce(CAST(:now AS timestamptz), now())
       AND deadline_at < coalesce(CAST(:now AS timestamptz), now()) - CAST(:grace AS interval)
     ORDER BY ending_at LIMIT :limit
) due LIMIT :limit
