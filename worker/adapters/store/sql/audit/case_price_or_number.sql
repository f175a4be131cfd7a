-- One price, one number: of an order that was replaced, nothing was given back but lost days.
SELECT r.replaced::text AS offender
  FROM replacement r
 WHERE EXISTS (SELECT FROM case_ c
                WHERE (c.activation_id = r.replaced OR c.rental_id = r.replaced)
                  AND c.kind IN ('claim', 'rental_cancel', 'rental_end')
                  AND c.state IN ('granted', 'approved', 'paid'))
    OR EXISTS (SELECT FROM activation a WHERE a.id = r.replaced AND a.state = 'refunded')
