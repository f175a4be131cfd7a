-- Figures are shown of seven days; those of before are deleted, every provider's.
DELETE FROM provider_figure WHERE since < now() - interval '8 days'
