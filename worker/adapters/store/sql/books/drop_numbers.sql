-- Name those of the locked numbers whose books go: they rest, and all that was written of them was exported.
--
-- A number rests when its customer and its provider are done with it, nobody disputes it, no case was
-- ever about it, and no date of it is still to come. Those are few; they stay for good.
-- It is settled for a year, too, and so it was bought before: what a claim of that time asks of the
-- account's entries is as it was.
WITH at_rest AS MATERIALIZED (
    SELECT a.id FROM activation a JOIN settlement s ON s.activation_id = a.id
     WHERE a.id = ANY(CAST(:ids AS uuid[]))
       AND s.at < least(CAST(:until AS timestamptz), now() - {{kept_whole}})
       AND a.settled AND a.pursue_at IS NULL
       AND a.provider_state IN ('cancelled', 'finished', 'charged', 'gone')
       AND NOT EXISTS (SELECT FROM exposure e WHERE e.activation_id = a.id AND e.state = 'open')
       AND NOT EXISTS (SELECT FROM provider_dispute p
                        WHERE p.activation_id = a.id AND p.ended_at IS NULL)
       AND NOT EXISTS (SELECT FROM purchase p WHERE p.id = a.id AND p.state = 'asked')
       AND NOT EXISTS (SELECT FROM case_ c WHERE c.activation_id = a.id)
       AND NOT EXISTS (SELECT FROM replacement r
                        WHERE r.replaced = a.id OR r.activation_id = a.id)
       AND NOT EXISTS (SELECT FROM timer t WHERE t.subject = a.id AND t.fired_at IS NULL)
       AND NOT EXISTS (SELECT FROM transition t
                        WHERE t.activation_id = a.id AND t.seq > :transition_seq)
       AND (greatest(a.accepted_seq, a.expired_seq, s.seq) > :transition_seq) IS NOT TRUE
       AND NOT EXISTS (SELECT FROM decision d WHERE d.subject = a.id AND d.seq > :decision_seq)
       -- The audit of what is new goes on from its sums: it must have read what goes.
       AND EXISTS (SELECT FROM transfer t
                    WHERE t.key = CASE a.state WHEN 'refunded' THEN 'release:' ELSE 'capture:' END
                                  || a.id
                      AND t.id <= least(CAST(:transfer_id AS bigint),
                              (SELECT transfer_id FROM audit_proof
                                WHERE invariant = 'balance_is_sum_of_transfers')))
       AND NOT EXISTS (SELECT FROM dropped_number d WHERE d.activation_id = a.id)
)
INSERT INTO dropped_number (activation_id, period) SELECT id, CAST(:period AS integer) FROM at_rest
ON CONFLICT DO NOTHING
RETURNING activation_id
