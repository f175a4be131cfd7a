-- Numbers the provider names and no activation is: orphans, by their places in what was given.
-- Refs are used again: a ref that we know of another phone, or of another day, tells of a number that
-- we do not know. Of two that live only one has the ref, so what the list says of a live one is ours
-- in any case; what the history says may be of the one before.
SELECT told.place
  FROM unnest(CAST(:refs AS text[]), CAST(:phones AS text[]), CAST(:rented AS timestamptz[]),
              CAST(:live AS boolean[]))
       WITH ORDINALITY AS told(ref, phone, rented_at, live, place)
 WHERE NOT EXISTS (
    SELECT FROM activation a
     WHERE a.provider = :provider AND a.provider_ref = told.ref
       AND (told.live AND NOT a.settled
            OR (told.rented_at IS NULL
                OR a.rented_at BETWEEN told.rented_at - interval '1 day'
                                   AND told.rented_at + interval '1 day')
               -- Where the phone was forgotten, the ref alone is too little.
               AND (a.phone IS NOT NULL OR NOT a.settled OR told.rented_at IS NOT NULL)
               -- Too short to tell numbers apart, as where it is masked: no contradiction.
               AND (length(regexp_replace(coalesce(told.phone, ''), '\D', '', 'g')) < 7
                    OR length(regexp_replace(coalesce(a.phone, ''), '\D', '', 'g')) < 7
                    OR right(regexp_replace(told.phone, '\D', '', 'g'), 7)
                       = right(regexp_replace(a.phone, '\D', '', 'g'), 7))))
 ORDER BY told.place
