-- One number with a code whose finish was asked for: somebody waits for the answer (E7).
SELECT id, provider, provider_ref, account, state, provider_state, reason, price_minor, policy,
       policy_version, rented_at, deadline_at, attempts, unknown_reads, epoch
  FROM activation
 WHERE id = CAST(:id AS uuid) AND NOT settled AND state = 'received'
   AND ending_at <= coalesce(CAST(:now AS timestamptz), now())
   AND (reason IS NULL OR reason = ANY(CAST(:reasons AS text[])))
   AND provider_state = ANY(CAST(:provider_states AS text[]))
