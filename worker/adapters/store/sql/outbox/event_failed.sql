-- An event did not reach the endpoint: due again later, or dead where there is no later.
-- The subject's next ones wait for it all the same. Due before it they would be read, and passed
-- over, by every lease: an endpoint that was down for an hour leaves hundreds of thousands of them.
WITH failed AS (
    UPDATE event
       SET state = CASE WHEN CAST(:retry_in AS interval) IS NULL THEN 'dead' ELSE state END,
           next_at = {{now}}
                       + coalesce(CAST(:retry_in AS interval), interval '0'),
           leased_by = NULL
     WHERE subject = :subject AND type = :type AND number = :number AND state = 'pending'
    RETURNING subject, seq, state, next_at
)
UPDATE event e SET next_at = failed.next_at
  FROM failed
 WHERE e.subject = failed.subject AND e.seq > failed.seq AND e.state = 'pending'
   AND (failed.state = 'dead' OR e.next_at < failed.next_at)
