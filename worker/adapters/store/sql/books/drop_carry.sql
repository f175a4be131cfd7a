-- What the captures that go took of each account, in one entry that takes the place of the last of them.
--
-- It has that one's number and date. A hold that was given back leaves nothing to carry. No running sum
-- of an account gets lower by this: each number that goes took its price when it was held, and the
-- entry takes them all at the last capture.
INSERT INTO transfer (key, id, at, booked_at, account, source, destination, amount_minor, currency)
OVERRIDING SYSTEM VALUE
SELECT 'carried:' || e.account || ':' || max(e.id), max(e.id), max(e.at), max(e.booked_at), e.account,
       h.source, 'house:revenue', sum(e.amount_minor), e.currency
  FROM transfer e JOIN transfer h ON h.key = 'hold:' || e.activation_id
 WHERE e.key IN (SELECT 'capture:' || id FROM unnest(CAST(:ids AS uuid[])) AS gone(id))
 GROUP BY e.account, h.source, e.currency
