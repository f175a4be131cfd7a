-- An order of a long rental whose outcome nobody knows waits for a human: since when, until when, and
-- what he said. A prolongation keeps the end and the renewal of its rental as it was ordered: where a
-- human says that it was sold, the end is counted from there.
--
-- Additive: the code of before neither reads nor writes what is new here. Where it brings an order into
-- doubt, a trigger writes the date. The timer of that date is of a kind of its own, which code of before
-- leaves alone: of a `review_late` it would find no review, and nobody would be told.
ALTER TABLE rental_order ADD COLUMN doubted_at timestamptz,
                         ADD COLUMN decide_by timestamptz,
                         ADD COLUMN verdict jsonb,
                         ADD COLUMN read_end timestamptz,
                         ADD COLUMN read_renewal timestamptz;

CREATE FUNCTION date_order_in_doubt() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.doubted_at := coalesce(NEW.doubted_at, clock_timestamp());
    NEW.decide_by := coalesce(NEW.decide_by, NEW.doubted_at + interval '1 day');
    INSERT INTO timer (kind, subject, due_at) VALUES ('rental_order_late', NEW.id, NEW.decide_by)
        ON CONFLICT (kind, subject) DO NOTHING;
    RETURN NEW;
END
$$;
CREATE TRIGGER rental_order_in_doubt BEFORE UPDATE OF state ON rental_order
    FOR EACH ROW WHEN (NEW.state = 'unknown' AND OLD.state <> 'unknown')
    EXECUTE FUNCTION date_order_in_doubt();

-- Of what is in doubt already: its customer has waited since he ordered.
UPDATE rental_order SET doubted_at = asked_at, decide_by = asked_at + interval '1 day'
 WHERE ended_at IS NULL AND state = 'unknown';
INSERT INTO timer (kind, subject, due_at)
SELECT 'rental_order_late', id, decide_by FROM rental_order WHERE ended_at IS NULL AND state = 'unknown';
