#!lua
-- KEYS[1]: the presence of an owner. ARGV: a process, for how many ms. Returns 1.
local now = milliseconds()
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', formatInteger(now))
redis.call('ZADD', KEYS[1], formatInteger(now + tonumber(ARGV[2])), ARGV[1])
redis.call('PEXPIREAT', KEYS[1], redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')[2])
return 1
