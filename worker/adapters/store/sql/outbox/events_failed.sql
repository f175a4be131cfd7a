-- Events did not reach the endpoint: each is due again later, or dead where there is no later.
-- The next ones about the same thing wait for it all the same. Due before it they would be read, and passed
-- over, by every lease: an endpoint that was down for an hour leaves hundreds of thousands of them.
WITH asked AS (
    SELECT * FROM unnest(
        CAST(:subjects AS text[]), CAST(:types AS text[]), CAST(:numbers AS integer[]),
        CAST(:delays AS interval[]), CAST(:statuses AS smallint[])
    ) AS t(subject, type, number, retry_in, status)
),
failed AS (
    UPDATE event e
       SET state = CASE WHEN asked.retry_in IS NULL THEN 'dead' ELSE e.state END,
           next_at = {{now}} + coalesce(asked.retry_in, interval '0'),
           reply_at = {{now}}, reply_status = asked.status, leased_by = NULL
      FROM asked
     WHERE e.subject = asked.subject AND e.type = asked.type AND e.number = asked.number
       AND e.state = 'pending'
    RETURNING coalesce(CAST(e.activation_id AS text), e.subject) AS thing, e.seq, e.state, e.next_at
)
UPDATE event e SET next_at = failed.next_at
  FROM failed
 WHERE coalesce(CAST(e.activation_id AS text), e.subject) = failed.thing
   AND e.seq > failed.seq AND e.state = 'pending'
   AND (failed.state = 'dead' OR e.next_at < failed.next_at)
