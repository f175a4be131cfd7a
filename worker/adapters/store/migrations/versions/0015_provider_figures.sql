-- What ops see of providers: their figures, and who stopped or started renting there.
--
-- Everything is additive: the code of 0014 neither reads nor writes what is new here. Numbers that
-- it settles during a deploy are in no figure.

-- Counted by the settling statement, once per batch. A provider's own row, of service '', is for an
-- hour; those of its services are for a day (UTC): in which the numbers were rented. `writer` parts
-- transactions that count at once, so that none waits for another. `code_waits` are numbers by how
-- long their code took, in the steps of `worker/adapters/store/provider_figures.py`.
CREATE TABLE provider_figure (
    provider   text        NOT NULL,
    service    text        NOT NULL,
    country    text        NOT NULL,
    since      timestamptz NOT NULL,
    writer     smallint    NOT NULL,
    delivered  bigint      NOT NULL,
    refunded   bigint      NOT NULL,
    closed     bigint      NOT NULL,
    cancelled  bigint      NOT NULL,
    code_waits bigint[]    NOT NULL,
    PRIMARY KEY (provider, service, country, since, writer)
) WITH (fillfactor = 50);
CREATE INDEX provider_figure_since ON provider_figure (since);

-- A pause is meant to end, a drain to lead away. What stands here was a drain until now.
ALTER TABLE provider_drain ADD COLUMN kind text NOT NULL DEFAULT 'drain'
                                      CHECK (kind IN ('pause', 'drain')),
                           ADD COLUMN note text,
                           ADD COLUMN by text;

-- Every pause, drain and resumption, also when it is over.
CREATE TABLE provider_change (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    provider text   NOT NULL,
    at       timestamptz NOT NULL DEFAULT now(),
    what     text   NOT NULL CHECK (what IN ('pause', 'drain', 'resume')),
    note     text,
    by       text
);
CREATE INDEX provider_change_newest ON provider_change (provider, id)
