-- No number was settled before it was due, nor due before its deadline unless somebody asked.
-- Who may ask: Cancel or the provider for an ending without a code, Finish for one with a code.
SELECT a.id::text AS offender
  FROM activation a JOIN settlement s ON s.activation_id = a.id
 WHERE a.ending_at <> 'infinity'
   AND (s.at < a.ending_at
        OR a.ending_at <= a.deadline_at AND a.state <> 'delivered'
           AND coalesce(a.reason, 'timeout') NOT IN ('cancel', 'provider'))
