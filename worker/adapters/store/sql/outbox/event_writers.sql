-- The newest event there is, and which transactions may yet write one before it.
--
-- Whoever inserts into `event` locks it before it takes a number, and until its rows are seen. So of
-- the numbers up to `newest`, each is seen or belongs to one of these. The locks are read after the
-- statement's snapshot, which `newest` is of.
SELECT pg_postmaster_start_time() AS server,
       coalesce((SELECT max(seq) FROM event), 0) AS newest,
       ARRAY(SELECT virtualtransaction FROM pg_locks
              WHERE locktype = 'relation' AND relation = 'event'::regclass AND granted
                AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
                AND mode IN ('RowExclusiveLock', 'ShareRowExclusiveLock', 'ExclusiveLock',
                             'AccessExclusiveLock')) AS writers
