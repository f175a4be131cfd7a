-- Keep a reading and, where money moved that our books do not know of, the difference.
WITH kept AS (
    INSERT INTO provider_reading (provider, currency, balance_minor, counted_from, low_minor,
           high_minor, rest, unpriced_live, unpriced_kept, proven)
    VALUES (:provider, :currency, :balance_minor, CAST(:since AS timestamptz), :low_minor,
            :high_minor, :rest, :unpriced_live, :unpriced_kept, :proven)
)
INSERT INTO provider_difference (provider, since, amount_minor, currency)
SELECT :provider, CAST(:last_at AS timestamptz), CAST(:difference_minor AS bigint), :currency
 WHERE CAST(:difference_minor AS bigint) <> 0
RETURNING at, since, amount_minor, currency
