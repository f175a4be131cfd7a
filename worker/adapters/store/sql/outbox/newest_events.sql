-- Events of any state, newest first, page by page, for people.
--
-- A filter that few events pass would read the whole table: it looks at `span` of them at most.
SELECT {{event_row}}, {{event_payload}}
  FROM (SELECT * FROM event
         WHERE seq < :before ORDER BY seq DESC LIMIT :span) looked_at
 WHERE {{event_matches}}
 ORDER BY seq DESC LIMIT :limit
