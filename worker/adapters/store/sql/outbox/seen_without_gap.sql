-- How far the numbers are seen without a gap: where none is missing, none can appear any more.
SELECT coalesce(max(seq), :final) FROM (
    SELECT seq, row_number() OVER (ORDER BY seq) AS place
      FROM (SELECT seq FROM event WHERE seq > :final ORDER BY seq LIMIT :span) beyond) numbered
 WHERE seq = CAST(:final AS bigint) + place
