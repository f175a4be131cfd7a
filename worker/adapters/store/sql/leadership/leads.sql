-- Leadership of a topic while Redis is away: a session lock, gone with the process that held it.
SELECT pg_try_advisory_lock(hashtextextended('activation-worker:' || :topic, 0))
