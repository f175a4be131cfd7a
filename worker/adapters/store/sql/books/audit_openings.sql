-- The sums of all transfers up to the mark, by account: what later proofs of balances begin from.
-- Rows of before were deleted by the caller, or the mark of before is where these sums begin.
INSERT INTO audit_opening AS o (account, available_minor, held_minor)
SELECT account,
       sum(CASE 'available:' || account WHEN destination THEN amount_minor
                                        WHEN source THEN -amount_minor ELSE 0 END),
       sum(CASE 'held:' || account WHEN destination THEN amount_minor
                                   WHEN source THEN -amount_minor ELSE 0 END)
  FROM transfer WHERE id > :before AND id <= :transfer_id
 GROUP BY account
ON CONFLICT (account) DO UPDATE
   SET available_minor = o.available_minor + excluded.available_minor,
       held_minor = o.held_minor + excluded.held_minor
