-- The time: a test's, or the database's own.
coalesce(CAST(:now AS timestamptz), now())
