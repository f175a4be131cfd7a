-- Where the charge was kept for a code, a code had been shown.
-- A human's verdict may keep a charge for other reasons: a number that was in review is exempt.
SELECT a.id::text AS offender
  FROM activation a
 WHERE a.state = 'delivered'
   AND NOT EXISTS (SELECT FROM dropped_number d WHERE d.activation_id = a.id)
   AND NOT EXISTS (SELECT FROM transition t
                    WHERE t.activation_id = a.id AND t.state = 'in_review')
   AND NOT (EXISTS (SELECT FROM code c WHERE c.activation_id = a.id)
            AND EXISTS (SELECT FROM transition t WHERE t.activation_id = a.id AND t.what = 'code'))
