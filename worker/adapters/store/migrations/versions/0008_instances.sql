-- What a dead process leased is due at once: each process is a row that beats, and leases name it.
--
-- Everything is additive: the code of 0007 neither reads nor writes what is new here.

-- `locks`: whether a session lock, too, tells that it lives; a pooler may not keep those. Each beat
-- changes a row in place, so its page has room.
CREATE TABLE instance (
    id         uuid PRIMARY KEY,
    host       text    NOT NULL,
    pid        integer NOT NULL,
    epoch      bigint  NOT NULL DEFAULT 1,
    locks      boolean NOT NULL,
    started_at timestamptz NOT NULL DEFAULT now(),
    beat_at    timestamptz NOT NULL DEFAULT now(),
    dead_at    timestamptz
) WITH (fillfactor = 20);

-- Who leads a topic; the epoch counts its leaders.
CREATE TABLE leadership (
    topic    text PRIMARY KEY,
    instance uuid   NOT NULL,
    epoch    bigint NOT NULL DEFAULT 1,
    since    timestamptz NOT NULL DEFAULT now()
);

-- Not indexed, so that a lease changes its row in place. NULL: no lease, or one that only time ends.
ALTER TABLE activation ADD COLUMN leased_by uuid;
ALTER TABLE event ADD COLUMN leased_by uuid;
ALTER TABLE timer ADD COLUMN leased_by uuid;
