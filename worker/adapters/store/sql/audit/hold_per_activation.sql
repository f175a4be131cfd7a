-- Every activation and every purchase has one hold, of its price and from where its charge says.
-- Of a number whose books were dropped it was exported.
SELECT a.id::text AS offender
  FROM activation a LEFT JOIN transfer h ON h.key = 'hold:' || a.id
 WHERE h.key IS NULL AND NOT EXISTS (SELECT FROM dropped_number d WHERE d.activation_id = a.id)
    OR (h.account, h.amount_minor, h.currency) <> (a.account, a.price_minor, a.currency)
    OR h.source <> CASE a.charge WHEN 'hold' THEN 'available:' || a.account ELSE 'house:outside' END
UNION ALL
SELECT p.id::text
  FROM purchase p LEFT JOIN transfer h ON h.key = 'hold:' || p.id
 WHERE h.key IS NULL AND NOT EXISTS (SELECT FROM dropped_number d WHERE d.activation_id = p.id)
    OR (h.account, h.amount_minor, h.currency) <> (p.account, p.price_minor, p.currency)
    OR h.source <> CASE p."order" ->> 'charge' WHEN 'external' THEN 'house:outside'
                                               ELSE 'available:' || p.account END
UNION ALL
SELECT h.key
  FROM transfer h
 WHERE h.key LIKE 'hold:%'
   AND NOT EXISTS (SELECT FROM activation a WHERE a.id = h.activation_id)
   AND NOT EXISTS (SELECT FROM purchase p WHERE p.id = h.activation_id)
