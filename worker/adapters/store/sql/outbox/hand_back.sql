-- Leases whose COMMIT was not answered: nobody sends these events, so they are due at once.
UPDATE event e
   SET next_at = {{now}}, leased_by = NULL
  FROM unnest(CAST(:subjects AS text[]), CAST(:types AS text[]), CAST(:numbers AS integer[]),
              CAST(:attempts AS integer[])) AS asked(subject, type, number, attempts)
 WHERE e.subject = asked.subject AND e.type = asked.type AND e.number = asked.number
   AND e.state = 'pending' AND e.attempts = asked.attempts
   AND e.leased_by IS NOT DISTINCT FROM CAST(:holder AS uuid)
