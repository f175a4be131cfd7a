-- Events of a few subjects, newest first: read by the subject, in whose index the few of it are found.
SELECT {{event_row}}, {{event_payload}} FROM event
 WHERE subject = ANY (CAST(:subjects AS text[])) AND seq < :before AND {{event_matches}}
 ORDER BY seq + 0 DESC LIMIT :limit  -- The order as it is would have the whole table read by number.
