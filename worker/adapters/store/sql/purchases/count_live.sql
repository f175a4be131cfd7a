-- The numbers of one provider whose customer is not settled, by state.
SELECT state, count(*) AS live, max(deadline_at) AS last_deadline_at
  FROM activation
 WHERE id = ANY(ARRAY(SELECT live.id FROM live WHERE at_provider = :provider)) AND NOT settled
 GROUP BY state ORDER BY state
