-- The open cases of an account and kind whose newest decision waits for something, oldest first.
SELECT c.id FROM case_ c
 WHERE c.account = :account AND c.kind = :kind AND c.closed_at IS NULL
   AND (SELECT d.reason FROM decision d WHERE d.subject = c.id ORDER BY d.seq DESC LIMIT 1) = :reason
 ORDER BY c.opened_at
