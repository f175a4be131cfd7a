-- How many accounts belong to each policy that is none of these. It reads all accounts: for a start
-- and for a person, not for a tick.
SELECT policy, count(*) AS accounts FROM account
 WHERE policy <> ALL(CAST(:names AS text[])) GROUP BY policy ORDER BY policy
