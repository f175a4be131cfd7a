-- Who may yet write a row whose number was given out already.
--
-- Whoever inserts locks the table before it takes a number, and until its rows are seen. Once all of
-- these have ended, every number that was given out before they were asked for is seen, or never is.
SELECT DISTINCT virtualtransaction FROM pg_locks
 WHERE locktype = 'relation' AND granted
   AND relation = ANY(ARRAY['transfer', 'transition', 'event', 'decision', 'evidence']::regclass[])
   AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
   AND mode IN ('RowExclusiveLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
