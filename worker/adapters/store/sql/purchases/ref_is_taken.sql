-- Whether this very number is another order's by now, found as an orphan while it was not stored; or
-- whether its ref still lives. A ref that was sold again is told from it by its phone. A number that
-- is found is another's, too, while an order for this very phone is being asked for.
SELECT EXISTS (SELECT FROM purchase p JOIN activation a USING (provider)
                WHERE p.id = CAST(:id AS uuid) AND a.provider_ref = :ref AND a.id <> p.id
                  AND (NOT a.settled
                       OR a.rented_at > p.asked_at - interval '1 day'
                          AND (coalesce(a.phone, '') = '' OR :phone = ''
                               OR right(regexp_replace(a.phone, '\D', '', 'g'), 7)
                                  = right(regexp_replace(:phone, '\D', '', 'g'), 7))))
    OR EXISTS (SELECT FROM purchase p
                 JOIN purchase buying ON buying.state = 'asked' AND buying.provider = p.provider
                 JOIN activation earlier
                   ON earlier.id = CAST(buying."order" -> 'options' ->> 'reuse' AS uuid)
                WHERE p.id = CAST(:id AS uuid) AND p.state = 'unknown'
                  AND right(regexp_replace(earlier.phone, '\D', '', 'g'), 7)
                      = right(regexp_replace(:phone, '\D', '', 'g'), 7))
