-- An account's transfers, newest first, signed for its available balance: their sum is that balance.
-- Ids of one account grow in commit order, because its balances are locked before a transfer is made.
SELECT id, at, split_part(key, ':', 1) AS kind, key, source, destination, currency, activation_id,
       CASE 'available:' || account
            WHEN destination THEN amount_minor WHEN source THEN -amount_minor ELSE 0 END
         AS amount_minor
  FROM transfer
 WHERE account = :account AND id < coalesce(CAST(:before AS bigint), 9223372036854775807)
 ORDER BY id DESC LIMIT :limit
