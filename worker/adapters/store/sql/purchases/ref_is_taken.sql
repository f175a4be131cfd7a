-- Whether a ref is another number's already. It is used again, but not within a day.
SELECT EXISTS (SELECT FROM purchase p JOIN activation a USING (provider)
                WHERE p.id = CAST(:id AS uuid) AND a.provider_ref = :ref AND a.id <> p.id
                  AND (NOT a.settled OR a.rented_at > p.asked_at - interval '1 day'))
