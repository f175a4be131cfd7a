-- Timers that have not fired, earliest first; only those whose time is over where that is asked. Those
-- of a kind that newer code sets are not ours to fire.
SELECT kind, subject, due_at FROM timer
 WHERE fired_at IS NULL AND (NOT CAST(:overdue AS boolean) OR due_at < {{now}})
   AND kind = ANY(CAST(:kinds AS text[]))
 ORDER BY due_at, kind LIMIT :limit
