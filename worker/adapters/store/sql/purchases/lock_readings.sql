-- Two daemons may reconcile one provider at once: one reading after the other.
SELECT pg_advisory_xact_lock(hashtextextended('reading:' || :provider, 0))
