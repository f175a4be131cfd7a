-- Lock what a money transaction will touch, in one order for everybody, so that none deadlock.
-- Also tells what accept needs: the accounts' currency, state and available money.
SELECT b.account, b.bucket, b.amount_minor, a.currency, a.state
  FROM balance b JOIN account a USING (account)
 WHERE b.account = ANY(CAST(:accounts AS text[]))
 ORDER BY b.account, b.bucket
   FOR NO KEY UPDATE OF b
