-- No code was shown after its deadline.
SELECT a.id::text AS offender
  FROM code c JOIN activation a ON a.id = c.activation_id
 WHERE c.code IS NOT NULL AND c.received_at > a.deadline_at
