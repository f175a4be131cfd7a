-- What a provider says it has of our money, hour by hour, and what our books cannot explain of it.
--
-- Everything is additive: the code of 0002 neither reads nor writes what is new here.

-- `low_minor` to `high_minor`: what was paid in must lie there, by this reading and those before it.
CREATE TABLE provider_reading (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    provider      text   NOT NULL,
    at            timestamptz NOT NULL DEFAULT now(),
    currency      text   NOT NULL,
    balance_minor bigint NOT NULL,
    counted_from  timestamptz NOT NULL,        -- numbers rented since then are in the bounds
    low_minor     bigint NOT NULL,
    high_minor    bigint NOT NULL,
    rest          bigint NOT NULL,
    unpriced_live bigint NOT NULL,
    unpriced_kept bigint NOT NULL,
    proven        boolean NOT NULL             -- whether it could be held against the one before
);
CREATE INDEX provider_reading_newest ON provider_reading (provider, id);

CREATE TABLE provider_difference (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    provider     text   NOT NULL,
    at           timestamptz NOT NULL DEFAULT now(),
    since        timestamptz NOT NULL,         -- the reading before
    amount_minor bigint NOT NULL CHECK (amount_minor <> 0),
    currency     text   NOT NULL
);
CREATE INDEX provider_difference_newest ON provider_difference (provider, id);

-- A provider that gets no new rentals, whichever process asks.
CREATE TABLE provider_drain (
    provider   text PRIMARY KEY,
    drained_at timestamptz NOT NULL DEFAULT now()
);
