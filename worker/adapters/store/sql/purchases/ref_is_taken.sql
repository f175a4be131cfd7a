-- Whether this very number is another order's by now, found as an orphan while it was not stored; or
-- whether its ref still lives. A ref that was sold again is told from it by its phone.
SELECT EXISTS (SELECT FROM purchase p JOIN activation a USING (provider)
                WHERE p.id = CAST(:id AS uuid) AND a.provider_ref = :ref AND a.id <> p.id
                  AND (NOT a.settled
                       OR a.rented_at > p.asked_at - interval '1 day'
                          AND (coalesce(a.phone, '') = '' OR :phone = ''
                               OR right(regexp_replace(a.phone, '\D', '', 'g'), 7)
                                  = right(regexp_replace(:phone, '\D', '', 'g'), 7))))
