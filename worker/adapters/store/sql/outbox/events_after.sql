-- Events oldest first from a number on, for followers; none beyond what is final.
--
-- A filter that few events pass would read the whole table: it looks at `span` of them at most.
SELECT {{event_row}}, {{event_payload}}
  FROM (SELECT * FROM event WHERE seq > :after AND seq <= :final
         ORDER BY seq LIMIT :span) looked_at
 WHERE {{event_matches}}
 ORDER BY seq LIMIT :limit
