#!lua
-- KEYS[1]: a handover. ARGV: text, the instant at which it expires, the ms until then. Returns 1.
redis.call('SET', KEYS[1], ARGV[2] .. ' ' .. ARGV[1], 'PX', ARGV[3])
return 1
