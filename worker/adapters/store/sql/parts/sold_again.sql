-- Whether the ref of row `a` is a newer rental's by now: providers use their refs again.
EXISTS (SELECT FROM activation n
         WHERE n.provider = a.provider AND n.provider_ref = a.provider_ref
           AND n.rented_at > a.rented_at)
