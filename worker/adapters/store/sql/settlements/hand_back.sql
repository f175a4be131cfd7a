-- Leases whose COMMIT was not answered: nobody works on these numbers, so they are due at once.
-- One that was not leased by that after all may be leased by another process: it is left alone. So
-- is one that somebody has locked: no lease waits for it, and its own ends by time.
UPDATE activation a
   SET lease_until = '-infinity', epoch = a.epoch + 1, leased_by = NULL,
       pursue_at = CASE WHEN a.pursue_at IS NOT NULL THEN least(a.pursue_at, {{now}}) END
  FROM (SELECT held.id
          FROM unnest(CAST(:ids AS uuid[]), CAST(:epochs AS integer[])) AS asked(id, epoch)
          JOIN activation held ON held.id = asked.id AND held.epoch = asked.epoch
         WHERE held.leased_by IS NOT DISTINCT FROM CAST(:holder AS uuid)
           FOR NO KEY UPDATE OF held SKIP LOCKED) mine
 WHERE a.id = mine.id
