-- How many purchases nobody knows to be sold or unsold, where a customer or our money waits for it.
--
-- Read from what is live and what is open, and looked up one by one, which is what the LIMIT is for:
-- most of what was ever unknown is neither.
SELECT one.provider, count(*) AS purchases
  FROM (SELECT id FROM live WHERE ref IS NULL
         UNION
        SELECT e.activation_id FROM exposure e WHERE e.state = 'open') waits
 CROSS JOIN LATERAL (
    SELECT p.provider
      FROM purchase p JOIN activation a USING (id)
     WHERE p.id = waits.id AND p.state = 'unknown' AND p.unsold_at IS NULL
       AND a.provider_ref IS NULL
     LIMIT 1) one
 GROUP BY one.provider
