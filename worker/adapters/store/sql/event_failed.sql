-- An event did not reach the endpoint: due again later, or dead where there is no later.
UPDATE event
   SET state = CASE WHEN CAST(:retry_in AS interval) IS NULL THEN 'dead' ELSE state END,
       next_at = coalesce(CAST(:now AS timestamptz), now())
                   + coalesce(CAST(:retry_in AS interval), interval '0')
 WHERE subject = :subject AND type = :type AND number = :number AND state = 'pending'
