-- Figures since an instant: of each provider (service '' alone), or of one provider's services.
SELECT provider, service, country, sum(delivered)::bigint AS delivered,
       sum(refunded)::bigint AS refunded, sum(closed)::bigint AS closed,
       sum(cancelled)::bigint AS cancelled, jsonb_agg(code_waits) AS code_waits
  FROM provider_figure
 WHERE since >= CAST(:since AS timestamptz)
   AND CASE WHEN CAST(:provider AS text) IS NULL THEN service = ''
            ELSE service <> '' AND provider = CAST(:provider AS text) END
 GROUP BY provider, service, country
 ORDER BY provider, service, country
