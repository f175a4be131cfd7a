-- A process lives. No row: it was marked dead meanwhile, and what it held is somebody else's.
UPDATE instance SET beat_at = {{now}}
 WHERE id = CAST(:id AS uuid) AND dead_at IS NULL
RETURNING true
