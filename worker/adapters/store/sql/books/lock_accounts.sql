-- Lock what a hold will touch, in one order for everybody, and say what the accounts are by then.
--
-- The account's own row is locked with its balances: a freeze that is committed while this waits
-- for a balance must be seen. Without that lock the state would be the one before the wait.
-- How long it waits is set here, before the first row is locked: a statement of its own for that
-- would be one more round trip of every purchase and top-up.
SELECT b.account, b.bucket, b.amount_minor, a.currency, a.state, a.policy, now() AS now
  FROM balance b JOIN account a USING (account)
 WHERE b.account = ANY(CAST(:accounts AS text[]))
   AND (SELECT set_config('lock_timeout', :lock_wait, true)) IS NOT NULL
 ORDER BY b.account, b.bucket
   FOR NO KEY UPDATE OF b, a
