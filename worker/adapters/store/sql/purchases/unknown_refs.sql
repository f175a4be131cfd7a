-- Refs the provider lists and no activation has, ever: orphans.
SELECT asked.ref
  FROM unnest(CAST(:refs AS text[])) WITH ORDINALITY AS asked(ref, place)
 WHERE NOT EXISTS (SELECT FROM activation a
                    WHERE a.provider = :provider AND a.provider_ref = asked.ref)
 ORDER BY asked.place
