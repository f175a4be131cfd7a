-- Whether something is open about an account that may move its money; that it is idle does not count.
EXISTS (SELECT FROM case_ c
         WHERE c.account = acc.account AND c.closed_at IS NULL
           AND c.facts ->> 'event' IS DISTINCT FROM 'idle')
