-- The next numbers to be looked at by a drop, account by account: so few accounts are in one page.
SELECT account, rented_at, id FROM activation
 WHERE (account, rented_at, id) > (:account, CAST(:rented_at AS timestamptz), CAST(:id AS uuid))
   AND rented_at < least(CAST(:until AS timestamptz), now() - {{kept_whole}})
 ORDER BY account, rented_at, id LIMIT :limit
