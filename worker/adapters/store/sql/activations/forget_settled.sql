-- Forget numbers that were settled long ago and whose books were dropped, from one number on.
--
-- Long ago is a year at the least. What stays of such a number is its settlement. It stays as a whole where somebody may ask for it: as
-- its account's first order, as one of its newest hundred, where no later one was activated, and where an
-- loss, a dispute, an event or a date of it is left. A case about it would have kept its books.
WITH page AS MATERIALIZED (
    SELECT id, account, rented_at FROM activation
     WHERE (rented_at, id) > (CAST(:rented_at AS timestamptz), CAST(:id AS uuid))
       AND rented_at < {{now}} - greatest(CAST(:time AS interval), {{kept_whole}})
     ORDER BY rented_at, id LIMIT :limit
),
old AS MATERIALIZED (
    SELECT a.id FROM page JOIN activation a USING (id)
      JOIN settlement s ON s.activation_id = a.id
      JOIN dropped_number d ON d.activation_id = a.id
     WHERE a.settled AND a.pursue_at IS NULL AND a.provider_state <> 'disputed'
       AND s.at < {{now}} - greatest(CAST(:time AS interval), {{kept_whole}})
       AND NOT EXISTS (SELECT FROM exposure e
                        WHERE e.activation_id = a.id AND e.state <> 'resolved')
       AND NOT EXISTS (SELECT FROM provider_dispute p WHERE p.activation_id = a.id)
       AND NOT EXISTS (SELECT FROM case_ o WHERE o.activation_id = a.id)
       AND NOT EXISTS (SELECT FROM replacement r
                        WHERE r.replaced = a.id OR r.activation_id = a.id)
       AND NOT EXISTS (SELECT FROM timer t WHERE t.subject = a.id AND t.fired_at IS NULL)
       AND NOT EXISTS (SELECT FROM event e WHERE e.subject = a.id::text)
       AND NOT EXISTS (SELECT FROM transition t WHERE t.activation_id = a.id)
       AND EXISTS (SELECT FROM activation b
                    WHERE b.account = a.account AND (b.rented_at, b.id) < (a.rented_at, a.id)
                      AND b.provider_ref IS NOT NULL)
       AND EXISTS (SELECT FROM activation b
                    WHERE b.account = a.account AND b.rented_at > a.rented_at
                      AND b.state = 'delivered' AND b.settled
                      -- What claims gave back whole was not activated.
                      AND (b.price_minor = 0 OR b.price_minor > coalesce(
                           (SELECT sum(t.amount_minor) FROM transfer t
                             WHERE t.activation_id = b.id AND t.source = 'house:revenue'), 0)))
       AND 100 = (SELECT count(*) FROM (SELECT FROM activation b
                    WHERE b.account = a.account AND b.rented_at > a.rented_at LIMIT 100) newer)
     ORDER BY a.id
       FOR UPDATE OF a SKIP LOCKED
),
codes AS (DELETE FROM code WHERE activation_id IN (SELECT id FROM old)),
timers AS (DELETE FROM timer WHERE subject IN (SELECT id FROM old)),
orders AS (DELETE FROM purchase WHERE id IN (SELECT id FROM old)),
exposures AS (DELETE FROM exposure WHERE activation_id IN (SELECT id FROM old)),
gone AS (DELETE FROM activation WHERE id IN (SELECT id FROM old) RETURNING id)
SELECT rented_at, id, (SELECT count(*) FROM gone) AS forgotten,
       (SELECT count(*) FROM page) = :limit AS more
  FROM page ORDER BY rented_at DESC, id DESC LIMIT 1
