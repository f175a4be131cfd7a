-- The endpoint answered 410: nothing more is leased for it, by no process, until somebody enables it.
INSERT INTO gone_endpoint (endpoint) VALUES (:endpoint) ON CONFLICT DO NOTHING
