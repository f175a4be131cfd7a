-- How far back a filtered page looked that was not filled; NULL where nothing was left.
SELECT min(seq) FROM (SELECT seq FROM event
                       WHERE seq < :before ORDER BY seq DESC LIMIT :span) looked_at
HAVING count(*) = :span
