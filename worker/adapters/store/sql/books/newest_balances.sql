-- What each provider said last that we have there. Readings pile up by the hour, so the providers
-- are found one after the other in the index, and of each only its newest reading is read.
WITH RECURSIVE known AS (
    (SELECT provider FROM provider_reading ORDER BY provider LIMIT 1)
    UNION ALL
    SELECT (SELECT r.provider FROM provider_reading r
             WHERE r.provider > known.provider ORDER BY r.provider LIMIT 1)
      FROM known WHERE known.provider IS NOT NULL
)
SELECT newest.*
  FROM known, LATERAL (
    SELECT provider, currency, balance_minor FROM provider_reading
     WHERE provider = known.provider ORDER BY id DESC LIMIT 1
  ) newest
