-- Whether an event may be sent again: not while somebody sends it. What waits for its next try does not
-- wait any more. What was kept without an endpoint goes out only where there is one now.
(e.state IN ('sent', 'dead') OR e.state = 'kept' AND :kept
    OR e.state = 'pending' AND e.leased_by IS NULL)
