-- Lock what a money transaction will touch, in one order for everybody, so that none deadlock.
SELECT account, bucket FROM balance
 WHERE account = ANY(CAST(:accounts AS text[]))
 ORDER BY account, bucket
   FOR NO KEY UPDATE
