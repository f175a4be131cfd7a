-- Of these accounts those that are blocked for their rules alone, and whose policy leaves them their
-- balance: it can still be spent. A block that a human has yet to judge stops orders, and so does a
-- deletion that older code let wait as a block.
SELECT a.account FROM account a
 WHERE a.account = ANY(CAST(:accounts AS text[])) AND a.state = 'blocked'
   AND coalesce(a.policy, {{oldest_policy}}) = ANY(CAST(:keeping AS text[]))
   AND NOT EXISTS (SELECT FROM case_ c
                    WHERE c.account = a.account AND c.kind = 'account' AND c.closed_at IS NULL
                      AND c.facts ->> 'event' IN ('law_enforcement_block', 'delete_requested'))
