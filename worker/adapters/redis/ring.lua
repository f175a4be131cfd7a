-- Wake one who naps: what rang may have been for him.
--
-- KEYS  1 what rings
-- ARGV  1 how long in us they may nap
ring(KEYS[1], tonumber(ARGV[1]))
return 1
