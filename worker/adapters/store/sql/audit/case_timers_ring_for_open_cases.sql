-- Every timer rings for something that is there and open, and every case in review can be found.
SELECT t.kind || ':' || t.subject AS offender FROM timer t
 WHERE fired_at IS NULL
   AND CASE t.kind WHEN 'claim_window' THEN NOT EXISTS (SELECT FROM activation a WHERE a.id = t.subject)
                 WHEN 'rental_end' THEN NOT EXISTS (SELECT FROM rental r WHERE r.id = t.subject)
                 WHEN 'rental_close' THEN NOT EXISTS (SELECT FROM rental r WHERE r.id = t.subject
                                                         AND r.ended_at IS NOT NULL)
                 ELSE NOT EXISTS (SELECT FROM case_ c WHERE c.id = t.subject AND c.closed_at IS NULL)
       END
UNION ALL
SELECT c.id::text FROM case_ c
 WHERE (c.state = 'in_review')
         <> EXISTS (SELECT FROM review r WHERE r.case_id = c.id AND r.closed_at IS NULL)
