-- Lock the settled numbers of a page that nobody has, and whatever is written of them waits.
-- They are judged by a statement of its own, which sees all that was committed before the locks.
SELECT id FROM activation WHERE id = ANY(CAST(:ids AS uuid[])) AND settled
 ORDER BY id
   FOR UPDATE SKIP LOCKED
