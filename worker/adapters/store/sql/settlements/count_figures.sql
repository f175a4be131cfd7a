-- Add what one batch settled to the figures, in its transaction: one row per span of time and service.
-- In one order everywhere, so that two who count the same wait for each other and not in a ring.
-- `code_waits` holds those of all rows one after the other, `:steps` for each.
INSERT INTO provider_figure AS f (provider, service, country, since, writer,
                                  delivered, refunded, closed, cancelled, cost_minor, costed,
                                  cost_currency, code_waits)
SELECT t.provider, t.service, t.country, t.since, pg_backend_pid() % 4,
       t.delivered, t.refunded, t.closed, t.cancelled, t.cost_minor, t.costed, t.cost_currency,
       (CAST(:code_waits AS bigint[]))
           [(t.n - 1) * CAST(:steps AS integer) + 1 : t.n * CAST(:steps AS integer)]
  FROM unnest(CAST(:providers AS text[]), CAST(:services AS text[]), CAST(:countries AS text[]),
              CAST(:since AS timestamptz[]), CAST(:delivered AS bigint[]),
              CAST(:refunded AS bigint[]), CAST(:closed AS bigint[]), CAST(:cancelled AS bigint[]),
              CAST(:cost_minor AS bigint[]), CAST(:costed AS bigint[]),
              CAST(:cost_currencies AS text[]))
       WITH ORDINALITY AS t(provider, service, country, since, delivered, refunded, closed,
                            cancelled, cost_minor, costed, cost_currency, n)
 ORDER BY t.provider, t.service, t.country, t.since
    ON CONFLICT (provider, service, country, since, writer) DO UPDATE
   SET delivered = f.delivered + excluded.delivered,
       refunded = f.refunded + excluded.refunded,
       closed = f.closed + excluded.closed,
       cancelled = f.cancelled + excluded.cancelled,
       cost_minor = excluded.cost_minor
                  + CASE WHEN excluded.cost_currency IS DISTINCT FROM f.cost_currency
                          AND excluded.costed > 0 THEN 0 ELSE f.cost_minor END,
       costed = excluded.costed
              + CASE WHEN excluded.cost_currency IS DISTINCT FROM f.cost_currency
                      AND excluded.costed > 0 THEN 0 ELSE f.costed END,
       cost_currency = coalesce(excluded.cost_currency, f.cost_currency),
       code_waits = ARRAY(SELECT a + b FROM unnest(f.code_waits, excluded.code_waits)
                                            WITH ORDINALITY AS w(a, b, n) ORDER BY n)
