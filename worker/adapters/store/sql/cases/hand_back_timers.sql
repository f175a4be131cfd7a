-- Nobody fires these timers, so they are due at once; after those that were never leased.
UPDATE timer t
   SET lease_until = {{now}} - interval '1 microsecond', leased_by = NULL
  FROM (SELECT held.kind, held.subject
          FROM unnest(CAST(:kinds AS text[]), CAST(:subjects AS uuid[])) AS asked(kind, subject)
          JOIN timer held ON held.kind = asked.kind AND held.subject = asked.subject
         WHERE held.fired_at IS NULL
           AND held.leased_by IS NOT DISTINCT FROM CAST(:holder AS uuid)
           FOR NO KEY UPDATE OF held SKIP LOCKED) mine
 WHERE t.kind = mine.kind AND t.subject = mine.subject
