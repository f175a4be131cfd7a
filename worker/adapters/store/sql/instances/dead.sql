-- Processes that are dead and not yet marked so. A read of a few rows: each process asks each second.
SELECT i.id, i.epoch, i.beat_at FROM instance i
 WHERE i.dead_at IS NULL AND i.id <> CAST(:id AS uuid)
   AND {{instance_is_dead}}
