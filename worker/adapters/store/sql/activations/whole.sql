-- Numbers whole, with their logs, in one round trip.
SELECT {{number_columns}},
       told.line_instants, told.line_whats, told.line_states, told.line_details
  FROM activation found
{{number_parts}}
  LEFT JOIN LATERAL (
      SELECT array_agg(at) AS line_instants, array_agg(what) AS line_whats,
             array_agg(state) AS line_states, array_agg(detail) AS line_details
        FROM (SELECT at, what, state, detail FROM timeline
               WHERE activation_id = found.id ORDER BY seq) line) told ON true
 WHERE found.id = ANY(CAST(:ids AS uuid[]))
