-- A follower's events of a few subjects: read by the subject, in whose index the few of it are found.
SELECT {{event_row}}, {{event_payload}} FROM event
 WHERE subject = ANY (CAST(:subjects AS text[])) AND seq > :after AND seq <= :final AND {{event_matches}}
 ORDER BY seq + 0 LIMIT :limit  -- The order as it is would have the whole table read by number.
