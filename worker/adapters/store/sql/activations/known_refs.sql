-- The newest rental of each (provider, ref), to tell a repeated intake from a ref used again.
SELECT DISTINCT ON (a.provider, a.provider_ref) a.*
  FROM unnest(CAST(:providers AS text[]), CAST(:refs AS text[])) AS asked(provider, provider_ref)
  JOIN activation a USING (provider, provider_ref)
 ORDER BY a.provider, a.provider_ref, a.rented_at DESC
