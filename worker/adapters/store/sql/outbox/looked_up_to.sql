-- How far a follower's filtered page looked that was not filled; NULL where it saw all there is.
SELECT max(seq) FROM (SELECT seq FROM event WHERE seq > :after AND seq <= :final
                       ORDER BY seq LIMIT :span) looked_at
HAVING count(*) = :span
