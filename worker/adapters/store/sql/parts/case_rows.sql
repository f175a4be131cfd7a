-- Cases with their account's currency and the money that they moved out, by the keys of its transfers.
SELECT c.*, a.currency,
       coalesce((SELECT sum(t.amount_minor) FROM transfer t
                  WHERE t.key IN ('claim:' || c.id, 'withdraw:' || c.id)), 0)::bigint AS moved_minor,
       coalesce((SELECT n.order_ref FROM activation n WHERE n.id = c.activation_id),
                (SELECT r.order_ref FROM rental r WHERE r.id = c.rental_id)) AS order_ref,
       coalesce((SELECT n.charge FROM activation n WHERE n.id = c.activation_id),
                (SELECT r.charge FROM rental r WHERE r.id = c.rental_id)) AS charge
  FROM case_ c JOIN account a USING (account)
