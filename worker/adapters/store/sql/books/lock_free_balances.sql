-- Lock the balances that nobody else has locked, in one order for everybody; the others are skipped.
--
-- One row that stays locked must not hold up the endings of all other accounts of its batch.
SELECT account, bucket FROM balance
 WHERE account = ANY(CAST(:accounts AS text[]))
 ORDER BY account, bucket
   FOR NO KEY UPDATE SKIP LOCKED
