-- How long a number stays in the books as a whole, whatever its policy says: a year of the calendar.
-- A customer's date of a claim may lie before the claim, and limits of a policy count a year.
interval '366 days'
