-- Whether the process of row `i` is dead: nobody holds its session lock, or it is silent for too
-- long. Without `:silence` that is not judged.
(coalesce(i.beat_at < {{now}} - CAST(:silence AS interval), false)
    OR i.locks AND pg_try_advisory_xact_lock(
           hashtextextended('activation-worker/instance/' || i.id, 0)))
