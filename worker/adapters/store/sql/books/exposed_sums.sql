-- What each provider may still charge us for numbers whose customers are whole already.
SELECT provider, currency, sum(amount_minor)::bigint AS amount_minor
  FROM exposure WHERE state = 'open' GROUP BY provider, currency
