-- Whoever gives a ref to an order waits here for another who gives it to another order.
SELECT pg_advisory_xact_lock(hashtextextended('ref:' || :ref, 0))
