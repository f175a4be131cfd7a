-- The same for the accounts that nobody else has locked; the others are skipped, and come one by one.
--
-- One row that stays locked must not hold up the numbers of all other accounts of its intake.
SELECT b.account, b.bucket, b.amount_minor, a.currency, a.state, a.policy, now() AS now
  FROM balance b JOIN account a USING (account)
 WHERE b.account = ANY(CAST(:accounts AS text[]))
 ORDER BY b.account, b.bucket
   FOR NO KEY UPDATE OF b, a SKIP LOCKED
