-- The server ends this session, and with it its lock, some 5 s after its host is gone. A socket of
-- the same host knows no keepalives, and does not mind.
SELECT set_config('tcp_keepalives_idle', '2', false),
       set_config('tcp_keepalives_interval', '1', false),
       set_config('tcp_keepalives_count', '3', false),
       set_config('tcp_user_timeout', '5000', false)
