-- A process is dead, from which of two markers one learns. `free_leases` is in the same transaction.
--
-- Marked only where it has not beaten since it was judged; one that ends in order is not judged.
UPDATE instance SET dead_at = {{now}}, epoch = epoch + 1
 WHERE id = CAST(:id AS uuid) AND dead_at IS NULL
   AND epoch = coalesce(CAST(:epoch AS bigint), epoch)
   AND beat_at = coalesce(CAST(:beat_at AS timestamptz), beat_at)
RETURNING id
