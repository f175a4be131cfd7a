-- Processes of one host that no session lock tells of: their host knows which of them still run.
SELECT id, epoch, beat_at, pid FROM instance
 WHERE dead_at IS NULL AND id <> CAST(:id AS uuid) AND host = :host AND NOT locks
