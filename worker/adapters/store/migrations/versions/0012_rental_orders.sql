-- Long rentals are rented and prolonged through the worker, and their messages are kept.
--
-- Everything is additive: the code of earlier versions neither reads nor writes what is new here.

-- The intent, stored with its hold before the provider is asked; `call` tells whose it is to send.
CREATE TABLE rental_order (
    id           uuid PRIMARY KEY,
    kind         text   NOT NULL CHECK (kind IN ('rent', 'prolong')),
    content_hash text   NOT NULL,
    call         text   NOT NULL,
    account      text   NOT NULL REFERENCES account,
    provider     text   NOT NULL,
    service      text   NOT NULL,
    country      text   NOT NULL,
    seconds      bigint NOT NULL CHECK (seconds > 0),
    rental_id    uuid,
    price_minor  bigint NOT NULL CHECK (price_minor >= 0),
    currency     text   NOT NULL,
    charge       text   NOT NULL CHECK (charge IN ('hold', 'external')),
    policy         text NOT NULL,
    policy_version text NOT NULL,
    state        text   NOT NULL DEFAULT 'asked'
                 CHECK (state IN ('asked', 'unknown', 'done', 'failed')),
    failure      text,
    asked_at     timestamptz NOT NULL DEFAULT now(),
    ended_at     timestamptz,
    CHECK ((state = 'failed') = (failure IS NOT NULL)),
    CHECK ((state IN ('done', 'failed')) = (ended_at IS NOT NULL)),
    CHECK (kind = 'rent' OR rental_id IS NOT NULL)
);
CREATE INDEX rental_order_open ON rental_order (account, provider) WHERE ended_at IS NULL;
CREATE INDEX rental_order_of ON rental_order (rental_id) WHERE rental_id IS NOT NULL;

-- Of the newest renewal: what a policy may give back of it.
ALTER TABLE rental ADD COLUMN renewed_at timestamptz,
                   ADD COLUMN renewal_price_minor bigint CHECK (renewal_price_minor >= 0),
                   ADD COLUMN cost_minor bigint,
                   ADD COLUMN cost_currency text;

-- A provider lists a message as often as it is asked: one row by what makes it the same.
CREATE TABLE rental_message (
    rental_id    uuid NOT NULL,
    content_hash text NOT NULL,
    code         text NOT NULL,
    text         text,
    received_at  timestamptz,
    seen_at      timestamptz NOT NULL,
    PRIMARY KEY (rental_id, content_hash)
);
