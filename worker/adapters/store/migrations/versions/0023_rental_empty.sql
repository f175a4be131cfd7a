-- At a rental's end a second timer asks whether it was empty: code of before fires `rental_end` without
-- paying such a one back, and leaves timers of a kind that it does not know alone.
--
-- Everything is additive: the code of 0016 neither reads nor writes what is new here. The second timer
-- is set by the first, whoever writes that, so a rental that code of before books or prolongs has both.
CREATE FUNCTION rental_empty_with_its_end() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO timer (kind, subject, due_at) VALUES ('rental_empty', NEW.subject, NEW.due_at)
        ON CONFLICT (kind, subject)
        DO UPDATE SET due_at = excluded.due_at, fired_at = NULL, lease_until = '-infinity'
         WHERE timer.due_at <> excluded.due_at;
    RETURN NULL;
END
$$;
CREATE TRIGGER timer_of_empty_rental AFTER INSERT OR UPDATE OF due_at ON timer
    FOR EACH ROW WHEN (NEW.kind = 'rental_end') EXECUTE FUNCTION rental_empty_with_its_end();

-- Of what runs already.
INSERT INTO timer (kind, subject, due_at)
SELECT 'rental_empty', subject, due_at FROM timer WHERE kind = 'rental_end' AND fired_at IS NULL;
