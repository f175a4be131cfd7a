-- In how many seconds the next number is to be ended or pursued, at one provider or anywhere.
--
-- Negative where one is due, also where nobody may act on it yet. It reads the first entry of an
-- index at each provider, however many numbers live.
WITH RECURSIVE providers AS (
    (SELECT at_provider AS provider FROM live ORDER BY at_provider LIMIT 1)
    UNION ALL
    SELECT (SELECT at_provider FROM live
             WHERE at_provider > p.provider ORDER BY at_provider LIMIT 1)
      FROM providers p WHERE p.provider IS NOT NULL
),
ends AS (
    SELECT (SELECT ends_at FROM live
             WHERE at_provider = p.provider ORDER BY ends_at LIMIT 1) AS at
      FROM providers p WHERE p.provider = coalesce(CAST(:provider AS text), p.provider)
    UNION ALL
    SELECT (SELECT pursue_at FROM activation a
             WHERE a.pursue_at IS NOT NULL AND a.provider = CAST(:provider AS text)
             ORDER BY pursue_at LIMIT 1)
)
SELECT CAST(extract(epoch FROM min(at) - {{now}}) AS float8) AS seconds
  FROM ends WHERE at < 'infinity'
