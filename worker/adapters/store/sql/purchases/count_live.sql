-- The numbers of one provider whose customer is not settled, by state.
SELECT state, count(*) AS live, max(deadline_at) AS last_deadline_at
  FROM activation WHERE provider = :provider AND NOT settled GROUP BY state ORDER BY state
