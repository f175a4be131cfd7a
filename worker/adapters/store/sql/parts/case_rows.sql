-- Cases with their account's currency and the money that they moved out, by the keys of its transfers.
SELECT c.*, a.currency,
       coalesce((SELECT sum(t.amount_minor) FROM transfer t
                  WHERE t.key IN ('claim:' || c.id, 'withdraw:' || c.id)), 0)::bigint AS moved_minor
  FROM case_ c JOIN account a USING (account)
