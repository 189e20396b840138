#!lua
-- ARGV: version, door, rights, instant, number of join events to keep, TTL in ms, the join events as JSON.
-- Returns [last event id, instant of the last event], or 'gone', 'conflict'.
local chat = numbers('version', 'last')
if not chat then return 'gone' end
local version, door, rights, instant, keep, ttl = unpack(ARGV)
if detectFailover() or chat.version ~= tonumber(version) then return 'conflict' end
redis.call('HSET', CHAT, 'door', door, 'version', formatInteger(chat.version + 1), 'rights', rights)
local count = #ARGV - 6
if count == 0 then return redis.call('HMGET', CHAT, 'last', 'idle') end
local first = nextId(chat.last)
for index = 1, count do
  redis.call('XADD', JOINS, formatInteger(first + index - 1) .. '-0', 'e', ARGV[6 + index])
end
local excess = redis.call('XLEN', JOINS) - tonumber(keep)
if excess > 0 then
  local oldest = redis.call('XRANGE', JOINS, '-', '+', 'COUNT', excess)
  redis.call('HSET', CHAT, 'forgotten', string.match(oldest[excess][1], '%d+'))
  redis.call('XTRIM', JOINS, 'MAXLEN', keep)
end
redis.call('HSET', CHAT, 'last', formatInteger(first + count - 1), 'idle', instant)
expireIn(ttl)
redis.call('SPUBLISH', CHAT, 'j ' .. formatInteger(chat.last) .. ' ' .. instant .. ' ' .. formatInteger(first) .. ' ['
  .. table.concat(ARGV, ',', 7) .. ']')
return {formatInteger(first + count - 1), instant}
