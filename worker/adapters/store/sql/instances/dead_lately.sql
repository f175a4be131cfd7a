-- Processes that were marked dead a short while ago: whoever marked one may have died, too, before
-- all was freed that its last transactions kept locked.
SELECT id FROM instance
 WHERE dead_at > {{now}} - CAST(:within AS interval) AND id <> CAST(:id AS uuid)
