-- One number with a code whose finish was asked for: somebody waits for the answer (E7).
SELECT {{due_number}}
  FROM activation
 WHERE id = CAST(:id AS uuid) AND NOT settled AND state = 'received'
   AND ending_at <= {{now}}
   AND (reason IS NULL OR reason = ANY(CAST(:reasons AS text[])))
   AND provider_state = ANY(CAST(:provider_states AS text[]))
