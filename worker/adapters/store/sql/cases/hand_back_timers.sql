-- Leases whose COMMIT was not answered: nobody fires these timers, so they are due at once.
UPDATE timer t
   SET lease_until = '-infinity', leased_by = NULL
  FROM unnest(CAST(:kinds AS text[]), CAST(:subjects AS uuid[])) AS asked(kind, subject)
 WHERE t.kind = asked.kind AND t.subject = asked.subject AND t.fired_at IS NULL
   AND t.leased_by IS NOT DISTINCT FROM CAST(:holder AS uuid)
