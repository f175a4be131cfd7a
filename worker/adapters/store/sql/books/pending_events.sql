-- Events that are owed to the endpoint, and for how long the oldest of them has been.
SELECT count(*) AS pending, {{now}} - min(at) AS oldest FROM event WHERE state = 'pending'
