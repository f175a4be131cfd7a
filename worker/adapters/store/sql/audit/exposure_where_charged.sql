-- Where the customer has the price back and the provider kept it too, a loss of the cost says so.
SELECT a.id::text AS offender
  FROM activation a LEFT JOIN exposure e ON e.activation_id = a.id
 WHERE a.state = 'refunded' AND a.provider_state = 'charged'
   AND (e.state IS DISTINCT FROM 'loss'
        OR (e.amount_minor, e.currency)
             <> (coalesce(a.cost_minor, a.price_minor), coalesce(a.cost_currency, a.currency)))
