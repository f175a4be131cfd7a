-- Leases whose COMMIT was not answered: nobody sends these events, so they are due at once, and no
-- attempt was made. What somebody has locked is left alone: no lease waits for it.
UPDATE event e
   SET next_at = {{now}}, attempts = e.attempts - 1, leased_by = NULL
  FROM (SELECT held.seq
          FROM unnest(CAST(:subjects AS text[]), CAST(:types AS text[]),
                      CAST(:numbers AS integer[]), CAST(:attempts AS integer[]))
               AS asked(subject, type, number, attempts)
          JOIN event held ON held.subject = asked.subject AND held.type = asked.type
                         AND held.number = asked.number AND held.attempts = asked.attempts
         WHERE held.state = 'pending'
           AND held.leased_by IS NOT DISTINCT FROM CAST(:holder AS uuid)
           FOR NO KEY UPDATE OF held SKIP LOCKED) mine
 WHERE e.seq = mine.seq
