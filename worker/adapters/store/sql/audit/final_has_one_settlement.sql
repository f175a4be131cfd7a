-- An activation is final exactly when it has its one settlement, of its state and its price.
SELECT coalesce(a.id, s.activation_id)::text AS offender
  FROM activation a FULL JOIN settlement s ON s.activation_id = a.id
 WHERE (a.id IS NOT NULL
        -- A number that was forgotten leaves its settlement; its books were dropped before.
        OR NOT EXISTS (SELECT FROM dropped_number d WHERE d.activation_id = s.activation_id))
   AND (coalesce(a.state IN ('delivered', 'refunded', 'closed'), false)
         <> (s.activation_id IS NOT NULL)
    OR s.outcome <> a.state
    OR s.amount_minor <> a.price_minor)
