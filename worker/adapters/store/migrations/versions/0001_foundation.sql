-- The foundation: accounts, ledger, activations, codes, settlements, outbox, inbox, exposure.
--
-- Money is bigint minor units. A partial index's predicate counts as an indexed column for HOT, so
-- every predicate on `activation` hangs on `settled` and `pursue_at` alone: the lease of a due
-- number and the arrival of its code stay HOT updates, and only the settlement touches indexes.

CREATE TABLE account (
    account   text PRIMARY KEY CHECK (length(account) BETWEEN 1 AND 128),
    currency  text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    state     text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'blocked', 'frozen', 'deleted')),
    opened_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE balance (
    account      text   NOT NULL REFERENCES account,
    bucket       text   NOT NULL CHECK (bucket IN ('available', 'held')),
    amount_minor bigint NOT NULL DEFAULT 0 CHECK (amount_minor >= 0),
    version      bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (account, bucket)
) WITH (fillfactor = 70);

-- One row names both sides, so nothing can be out of balance. `account` is whose entry it is.
CREATE TABLE transfer (
    key           text PRIMARY KEY,
    id            bigint GENERATED ALWAYS AS IDENTITY,
    at            timestamptz NOT NULL DEFAULT now(),
    account       text   NOT NULL,
    activation_id uuid,
    source        text   NOT NULL,
    destination   text   NOT NULL CHECK (destination <> source),
    amount_minor  bigint NOT NULL CHECK (amount_minor >= 0),
    currency      text   NOT NULL
);
CREATE INDEX transfer_of_account ON transfer (account, id);

CREATE TABLE activation (
    id                uuid PRIMARY KEY,
    provider          text   NOT NULL,
    provider_ref      text,                    -- NULL while a purchase's outcome is unknown
    account           text   NOT NULL,
    phone             text,
    service           text   NOT NULL,
    country           text   NOT NULL,
    price_minor       bigint NOT NULL CHECK (price_minor >= 0),
    currency          text   NOT NULL,
    cost_minor        bigint,                  -- what the provider took, where it told us
    cost_currency     text,
    policy            text   NOT NULL,
    policy_version    text   NOT NULL,
    charge            text   NOT NULL CHECK (charge IN ('hold', 'external')),
    state             text   NOT NULL DEFAULT 'waiting' CHECK (state IN
        ('waiting', 'expiring', 'received', 'in_review', 'delivered', 'refunded', 'closed')),
    settled           boolean NOT NULL DEFAULT false
        CHECK (settled = (state IN ('delivered', 'refunded', 'closed'))),
    provider_state    text   NOT NULL DEFAULT 'open' CHECK (provider_state IN
        ('open', 'cancelling', 'cancelled', 'finishing', 'finished', 'charged', 'gone', 'disputed')),
    reason            text,
    rented_at         timestamptz NOT NULL,
    window_seconds    integer NOT NULL CHECK (window_seconds BETWEEN 1 AND 86400),
    deadline_at       timestamptz NOT NULL CHECK (deadline_at >= rented_at),
    expires_at        timestamptz,
    ending_at         timestamptz NOT NULL,    -- the first instant at which it is to be ended
    cancel_not_before timestamptz NOT NULL DEFAULT '-infinity',
    lease_until       timestamptz NOT NULL DEFAULT '-infinity',
    pursue_at         timestamptz,             -- settled, but the provider is still owed a call
    attempts          integer NOT NULL DEFAULT 0,
    unknown_reads     integer NOT NULL DEFAULT 0,
    epoch             integer NOT NULL DEFAULT 0,
    version           integer NOT NULL DEFAULT 1,
    created_at        timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 80);
-- A provider may use a ref again, but never for two numbers that are alive.
CREATE UNIQUE INDEX activation_live_ref ON activation (provider, provider_ref) WHERE NOT settled;
CREATE INDEX activation_due ON activation (provider, ending_at) WHERE NOT settled;
CREATE INDEX activation_pursued ON activation (provider, pursue_at) WHERE pursue_at IS NOT NULL;
CREATE INDEX activation_ref ON activation (provider, provider_ref, rented_at);
CREATE INDEX activation_newest ON activation (rented_at, id);
CREATE INDEX activation_of_account ON activation (account, rented_at, id);

-- A late code is kept as a hash only: known again, never shown.
CREATE TABLE code (
    activation_id uuid  NOT NULL,
    hash          bytea NOT NULL,
    number        integer NOT NULL,
    code          text,
    text          text,
    received_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (activation_id, hash)
);

-- Exactly once is this primary key.
CREATE TABLE settlement (
    activation_id uuid PRIMARY KEY,
    outcome       text   NOT NULL CHECK (outcome IN ('delivered', 'refunded', 'closed')),
    amount_minor  bigint NOT NULL CHECK (amount_minor >= 0),
    reason        text   NOT NULL,
    at            timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX settlement_at ON settlement (at);

CREATE TABLE transition (
    activation_id uuid NOT NULL,
    seq           bigint GENERATED ALWAYS AS IDENTITY,
    at            timestamptz NOT NULL DEFAULT now(),
    what          text NOT NULL,
    state         text NOT NULL,
    detail        jsonb,
    PRIMARY KEY (activation_id, seq)
);

-- The outbox. `kept` is for installations without an endpoint: readable, never sent.
CREATE TABLE event (
    seq           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    subject       text NOT NULL,               -- what it tells of; the order is kept per subject
    type          text NOT NULL,
    number        integer NOT NULL DEFAULT 1,
    activation_id uuid,
    account       text,
    at            timestamptz NOT NULL DEFAULT now(),
    payload       jsonb NOT NULL,
    state         text NOT NULL DEFAULT 'pending'
        CHECK (state IN ('pending', 'sent', 'dead', 'kept')),
    attempts      integer NOT NULL DEFAULT 0,
    next_at       timestamptz NOT NULL DEFAULT '-infinity',
    UNIQUE (subject, type, number)
);
CREATE INDEX event_pending ON event (next_at, seq) WHERE state = 'pending';
CREATE INDEX event_pending_subject ON event (subject, seq) WHERE state = 'pending';

CREATE TABLE push (
    provider     text NOT NULL,
    content_hash text NOT NULL,
    provider_ref text NOT NULL,
    received_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (provider, content_hash)
);
CREATE INDEX push_ref ON push (provider, provider_ref);

CREATE TABLE exposure (
    activation_id uuid PRIMARY KEY,
    provider      text   NOT NULL,
    amount_minor  bigint NOT NULL CHECK (amount_minor >= 0),
    currency      text   NOT NULL,
    state         text   NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'resolved', 'loss')),
    opened_at     timestamptz NOT NULL DEFAULT now(),
    ended_at      timestamptz
);
CREATE INDEX exposure_open ON exposure (provider, currency) WHERE state = 'open';

-- The intent to buy, written with its hold before the provider is asked: never asked twice.
CREATE TABLE purchase (
    id           uuid PRIMARY KEY,
    content_hash text   NOT NULL,
    account      text   NOT NULL,
    provider     text   NOT NULL,
    "order"      jsonb  NOT NULL,
    price_minor  bigint NOT NULL,
    currency     text   NOT NULL,
    state        text   NOT NULL DEFAULT 'asked'
        CHECK (state IN ('asked', 'rented', 'unknown', 'failed')),
    failure      text,
    asked_at     timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX purchase_asked ON purchase (asked_at) WHERE state = 'asked';

-- Books are only ever written forward, whoever connects.
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER transfer_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON transfer
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER settlement_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON settlement
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER transition_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON transition
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
