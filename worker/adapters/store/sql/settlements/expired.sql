-- Of these numbers those that are past their deadline and not ended, however young: E6 without its
-- grace, for numbers whose ref was sold again. Words we do not know are newer code's.
SELECT {{due_number}}
  FROM activation
 WHERE id = ANY(CAST(:ids AS uuid[])) AND NOT settled AND state = 'expiring'
   AND ending_at <= {{now}} AND deadline_at < {{now}}
   AND (reason IS NULL OR reason = ANY(CAST(:reasons AS text[])))
   AND provider_state = ANY(CAST(:provider_states AS text[]))
