-- Whether numbers are due for longer than anybody's tick may take: then nobody ticks.
-- What no tick of this version would lease proves nothing.
SELECT EXISTS (
    SELECT FROM live JOIN activation USING (id)
     WHERE at_provider = :provider AND NOT settled AND state IN ('waiting', 'expiring')
       AND provider_ref IS NOT NULL
       AND (reason IS NULL OR reason = ANY(CAST(:reasons AS text[])))
       AND provider_state = ANY(CAST(:provider_states AS text[]))
       AND ends_at <= {{now}} - CAST(:by AS interval)
       AND lease_until <= {{now}} - CAST(:by AS interval)
)
