-- Events that are owed to the endpoint.
SELECT count(*) FROM event WHERE state = 'pending'
