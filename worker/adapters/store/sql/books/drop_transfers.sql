-- Delete the entries of numbers that were named as dropped: a hold, and what it became.
DELETE FROM transfer
 WHERE key IN (SELECT kind || ':' || id
                 FROM unnest(CAST(:ids AS uuid[])) AS gone(id),
                      unnest(ARRAY['hold', 'capture', 'release']) AS kind)
