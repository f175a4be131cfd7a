-- Figures of one service in one country since an instant, at each of some providers. Of prices only
-- those in the currency that the provider is said to count in: others cannot be added to them.
SELECT f.provider, f.service, f.country, sum(f.delivered)::bigint AS delivered,
       sum(f.refunded)::bigint AS refunded, sum(f.closed)::bigint AS closed,
       sum(f.cancelled)::bigint AS cancelled, jsonb_agg(f.code_waits) AS code_waits,
       coalesce(sum(f.cost_minor) FILTER (WHERE f.cost_currency = w.currency), 0)::bigint
         AS cost_minor,
       coalesce(sum(f.costed) FILTER (WHERE f.cost_currency = w.currency), 0)::bigint AS costed
  FROM unnest(CAST(:providers AS text[]), CAST(:currencies AS text[])) AS w(provider, currency)
  JOIN provider_figure f USING (provider)
 WHERE f.service = :service AND f.country = :country AND f.since >= CAST(:since AS timestamptz)
 GROUP BY f.provider, f.service, f.country
