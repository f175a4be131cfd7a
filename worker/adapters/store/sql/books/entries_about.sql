-- The transfers about one number, oldest first, signed for its account's available balance.
-- By the keys of its hold and its ending; what claims gave back later comes from the house.
SELECT id, at, split_part(key, ':', 1) AS kind, key, source, destination, currency, activation_id,
       CASE 'available:' || account
            WHEN destination THEN amount_minor WHEN source THEN -amount_minor ELSE 0 END
         AS amount_minor
  FROM transfer
 WHERE key IN ('hold:' || CAST(:id AS text), 'capture:' || CAST(:id AS text),
               'release:' || CAST(:id AS text))
    OR (activation_id = CAST(:id AS uuid) AND source = 'house:revenue')
 ORDER BY id
