-- Numbers that can still get a code, page by page, to rebuild the schedule.
-- In the order of their refs, because the index of live refs is there: in the order of their ids a
-- page would read everything that was ever stored, or all that lives.
SELECT id, provider_ref, rented_at, deadline_at FROM live JOIN activation USING (id)
 WHERE at_provider = :provider AND NOT settled AND state IN ('waiting', 'received')
   AND ref > coalesce(
           (SELECT a.provider_ref FROM activation a WHERE a.id = CAST(:after AS uuid)), '')
 ORDER BY ref LIMIT :limit
