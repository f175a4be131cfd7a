-- Where a number ended without a code, none was ever shown.
SELECT a.id::text AS offender
  FROM activation a
 WHERE a.state IN ('refunded', 'closed')
   AND (EXISTS (SELECT FROM code c WHERE c.activation_id = a.id AND c.code IS NOT NULL)
        OR EXISTS (SELECT FROM transition t WHERE t.activation_id = a.id AND t.what = 'code'))
