-- Somebody says that the endpoint wants events again, whichever answered 410.
DELETE FROM gone_endpoint
