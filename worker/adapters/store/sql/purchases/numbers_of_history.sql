-- What our books hold of the numbers in a page of a provider's history, to be held against it.
--
-- Of the rentals of a ref the newest that fits: of the same phone where both name one, and of about
-- the same time, because a ref is sold again. Only a while after its last change: histories lag. What
-- is pursued is left out: its next read of the status says more. Not locked: most of them stay as
-- they are, and correct_by_history looks again. Words we do not know are newer code's.
WITH told AS (
    SELECT * FROM unnest(CAST(:refs AS text[]), CAST(:phones AS text[]),
                         CAST(:rented AS timestamptz[]))
                  WITH ORDINALITY AS t(ref, phone, rented_at, place)
),
newest AS (
    SELECT DISTINCT ON (told.place) told.place, a.id
      FROM told JOIN activation a ON a.provider = :provider AND a.provider_ref = told.ref
     WHERE (told.phone IS NULL OR a.phone IS NULL
            OR right(regexp_replace(told.phone, '\D', '', 'g'), 7)
               = right(regexp_replace(a.phone, '\D', '', 'g'), 7))
       -- A day is more than any clock or zone is off; a history that tells no time goes back thirty
       -- days.
       AND CASE WHEN told.rented_at IS NULL THEN a.rented_at > now() - interval '31 days'
                ELSE a.rented_at BETWEEN told.rented_at - interval '1 day'
                                     AND told.rented_at + interval '1 day' END
     ORDER BY told.place, a.rented_at DESC
),
single AS (
    -- Two rows that fit one number say nothing about it.
    SELECT id, min(place) AS place FROM newest GROUP BY id HAVING count(*) = 1
)
SELECT a.id, n.place, a.epoch, a.provider_state, d.held, a.state = 'refunded' AS refunded,
       EXISTS (SELECT FROM exposure e
                WHERE e.activation_id = a.id AND e.state <> 'resolved') AS exposed,
       coalesce(a.cost_minor, a.price_minor) AS amount_minor,
       CASE WHEN a.cost_minor IS NOT NULL THEN coalesce(a.cost_currency, a.currency)
            ELSE a.currency END AS currency
  FROM single n JOIN activation a USING (id)
  LEFT JOIN provider_dispute d
    ON d.activation_id = a.id AND d.ended_at IS NULL AND a.provider_state = 'disputed'
 WHERE a.pursue_at IS NULL
   AND a.provider_state = ANY(CAST(:provider_states AS text[]))
   AND (d.held IS NULL OR d.held = ANY(CAST(:provider_states AS text[])))
   AND NOT EXISTS (SELECT FROM transition t WHERE t.activation_id = a.id
                      AND t.at > now() - CAST(:ended_for AS interval))
   AND NOT EXISTS (SELECT FROM settlement s WHERE s.activation_id = a.id
                      AND s.at > now() - CAST(:ended_for AS interval))
