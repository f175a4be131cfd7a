-- Numbers the provider names and no activation is: orphans, by their refs in the order given.
-- Refs are used again: a ref that we know of another phone, or of another day, tells of a number that
-- we do not know. One that lives is ours in any case.
SELECT told.ref
  FROM unnest(CAST(:refs AS text[]), CAST(:phones AS text[]), CAST(:rented AS timestamptz[]))
       WITH ORDINALITY AS told(ref, phone, rented_at, place)
 WHERE NOT EXISTS (
    SELECT FROM activation a
     WHERE a.provider = :provider AND a.provider_ref = told.ref
       AND (NOT a.settled
            OR (told.rented_at IS NULL
                OR a.rented_at BETWEEN told.rented_at - interval '1 day'
                                   AND told.rented_at + interval '1 day')
               -- Too short to tell numbers apart, as where it is masked: no contradiction.
               AND (length(regexp_replace(coalesce(told.phone, ''), '\D', '', 'g')) < 7
                    OR length(regexp_replace(coalesce(a.phone, ''), '\D', '', 'g')) < 7
                    OR right(regexp_replace(told.phone, '\D', '', 'g'), 7)
                       = right(regexp_replace(a.phone, '\D', '', 'g'), 7))))
 ORDER BY told.place
