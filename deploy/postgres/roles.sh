#!/bin/bash
# Run once by the image of PostgreSQL, when its volume is empty.
set -euo pipefail
psql --no-psqlrc --set=ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" \
    --set=worker_password="$(cat /run/secrets/worker_password)" \
    --set=monitor_password="$(cat /run/secrets/monitor_password)" <<'SQL'
CREATE ROLE worker LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD :'worker_password';
CREATE ROLE monitor LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD :'monitor_password';
GRANT pg_monitor TO monitor;
-- What the worker drops to for its work: it may add to the books, and not rewrite them.
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'activation_worker') THEN
        CREATE ROLE activation_worker NOLOGIN;
    END IF;
END $$;
GRANT activation_worker TO worker;
ALTER DATABASE activation_worker OWNER TO worker;
ALTER SCHEMA public OWNER TO worker;
SQL
