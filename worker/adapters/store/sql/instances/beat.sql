-- A process lives. No row: it was marked dead meanwhile, and what it held is somebody else's.
-- Since when the server runs tells one server from the next behind a pooler, where no connection
-- breaks.
UPDATE instance SET beat_at = {{now}}
 WHERE id = CAST(:id AS uuid) AND dead_at IS NULL
RETURNING pg_postmaster_start_time()
