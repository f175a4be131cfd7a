-- Mark the schedule of one provider as rebuilt, where what was put there since the rebuild began is
-- still there.
--
-- One script, because a flush between the question and the mark would leave the mark alone.
--
-- KEYS  1 the token of the rebuild, 2 the mark
-- ARGV  1 the token that the rebuild began with, 2 the server's run
-- Gives 1 where it is marked now.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
    return 0
end
redis.call('SET', KEYS[2], ARGV[2])
return 1
