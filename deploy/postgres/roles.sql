-- The least that each login needs. Run once by an administrator, in the worker's own database.
-- Then: `activation-worker migrate` as activation_owner, everything else as activation_login.
-- Give both a password: ALTER ROLE … PASSWORD …

-- The group role: the rights themselves are given by `migrate`. It may add to the books, read them
-- and nothing else.
DO $$ BEGIN
    CREATE ROLE activation_worker NOLOGIN;
EXCEPTION WHEN duplicate_object THEN NULL;
END $$;

-- Owns the tables, and is used by `migrate` alone. It makes nothing outside of this schema.
CREATE ROLE activation_owner LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE;
GRANT CREATE, USAGE ON SCHEMA public TO activation_owner;

-- Runs the daemon and the commands.
CREATE ROLE activation_login LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE;
GRANT activation_worker TO activation_login;

-- Nobody else makes anything here.
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
