-- How many purchases nobody knows to be sold or unsold, where a customer or our money waits for it.
SELECT p.provider, count(*) AS purchases
  FROM purchase p JOIN activation a USING (id)
 WHERE p.state = 'unknown' AND p.unsold_at IS NULL AND a.provider_ref IS NULL
   AND (NOT a.settled
        OR EXISTS (SELECT FROM exposure e WHERE e.activation_id = p.id AND e.state = 'open'))
 GROUP BY p.provider
