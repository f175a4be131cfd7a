-- Events that are owed to the endpoint, and for how long the oldest of them has been. Where none is
-- wanted, those that still wait for the endpoint of before are owed to nobody.
SELECT count(*) AS pending, {{now}} - min(at) AS oldest FROM event
 WHERE state = 'pending' AND CAST(:wanted AS boolean)
