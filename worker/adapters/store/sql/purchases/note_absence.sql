-- Whether a whole reading of list and history, begun at :began, was without these purchases' numbers.
-- The first reading without one is kept; a reading that may show it begins the count anew.
UPDATE purchase p
   SET absent_at = CASE WHEN asked.absent
                        THEN coalesce(p.absent_at, CAST(:began AS timestamptz)) END
  FROM unnest(CAST(:ids AS uuid[]), CAST(:absent AS boolean[])) AS asked(id, absent)
 WHERE p.id = asked.id AND p.state = 'unknown' AND p.unsold_at IS NULL
   AND (p.absent_at IS NULL) = asked.absent
