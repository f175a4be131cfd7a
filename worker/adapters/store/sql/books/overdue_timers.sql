-- Timers that should have acted by now, by kind. A few seconds late is how ticks work, not overdue.
SELECT kind, count(*) AS overdue FROM timer
 WHERE fired_at IS NULL
   AND due_at < {{now}} - interval '60 seconds'
 GROUP BY kind
