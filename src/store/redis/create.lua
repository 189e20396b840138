#!lua
-- ARGV: door, rights, instant, TTL in ms. Returns 1, or 'taken'.
if redis.call('EXISTS', CHAT) == 1 then return 'taken' end
local door, rights, instant, ttl = unpack(ARGV)
redis.call('UNLINK', MESSAGES, JOINS, POSTS)
redis.call('HSET', CHAT, 'door', door, 'version', 1, 'rights', rights, 'last', 0, 'idle', instant, 'bytes', 0,
  'server', serverIdentity(), 'base', 1, 'gaps', '', 'forgotten', 0)
expireIn(ttl)
return 1
