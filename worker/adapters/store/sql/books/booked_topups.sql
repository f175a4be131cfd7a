-- Which of these top-ups are booked, and how. Their accounts are locked, so nobody adds one.
SELECT key, amount_minor, at FROM transfer WHERE key = ANY(CAST(:keys AS text[]))
