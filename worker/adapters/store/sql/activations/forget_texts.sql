-- Forget the texts of SMS whose time is over. The code stays, and the hash, by which the same SMS is
-- known again, and the instant. A code that is the whole text, as far as a code is kept (`CODE_MAX`),
-- goes with it: it becomes empty, and still counts as shown.
--
-- A text stays while somebody may have to read it: while a case about its number is open, or a date
-- of the number is still to come, such as the end of its claim window.
WITH old AS MATERIALIZED (
    SELECT c.activation_id, c.hash FROM code c
     WHERE c.text IS NOT NULL
       AND c.received_at < {{now}} - CAST(:time AS interval)
       AND NOT EXISTS (SELECT FROM case_ o
                        WHERE o.activation_id = c.activation_id AND o.closed_at IS NULL)
       AND NOT EXISTS (SELECT FROM timer t
                        WHERE t.subject = c.activation_id AND t.fired_at IS NULL)
     ORDER BY c.received_at LIMIT :limit
       FOR UPDATE OF c SKIP LOCKED
)
UPDATE code SET text = NULL,
                code = CASE WHEN code.code = left(code.text, 500) THEN '' ELSE code.code END
  FROM old
 WHERE code.activation_id = old.activation_id AND code.hash = old.hash
