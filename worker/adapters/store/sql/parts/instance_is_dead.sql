-- Whether the process of row `i` is dead: nobody holds its session lock, or it is silent for too
-- long. Without `:silence` that is not judged, and without `:locks` not by the lock: the server may
-- have gone with all of them.
(coalesce(i.beat_at < {{now}} - CAST(:silence AS interval), false)
    OR CAST(:locks AS boolean) AND i.locks AND pg_try_advisory_xact_lock(
           hashtextextended('activation-worker/instance/' || i.id, 0)))
