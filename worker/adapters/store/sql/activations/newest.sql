-- A page of numbers, newest first, whole in one round trip. The page is read first, so that the rest is
-- looked up for its rows alone; `rows.newest` puts it in the place of found().
SELECT {{number_columns}}
  FROM found() found
{{number_parts}}
 ORDER BY found.rented_at DESC, found.id DESC
