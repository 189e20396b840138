#!lua
-- ARGV: version, head ('' if it has not changed), rights, instant, number of forgettable events to keep, TTL in ms, "1" if the records
-- that follow are all there are, number of records to put, number of guests whose records to remove, 'f' for each event that can be forgotten
-- and 'k' for each other one; then guest and record of each put, the guests, the events as JSON. As `withdraw` (scripts.ts) it also runs when Redis is full. Returns [last event id, instant of the last event,
-- time], or 'gone', 'conflict'.
if hasLostMessages() then recordLoss() end
local chat = numbers('version', 'last', 'idle')
if not chat then return 'gone' end
local version, head, rights, instant, keep, ttl, isWhole, puts, removals, kinds = unpack(ARGV, 1, 10)
if detectFailover() or chat.version ~= tonumber(version) then return 'conflict' end
local nextVersion = formatInteger(chat.version + 1)
redis.call('HSET', CHAT, 'version', nextVersion, 'rights', rights)
if head ~= '' then redis.call('HSET', CHAT, 'head', head, 'headVersion', nextVersion) end
if isWhole == '1' then
  redis.call('HDEL', CHAT, 'door')
  redis.call('HSET', CHAT, 'layout', 2, 'floor', nextVersion)
  redis.call('HSETNX', CHAT, 'lastOld', formatInteger(chat.last))
end

local at = 11
for _ = 1, tonumber(puts) do
  redis.call('HSET', REQUESTS, ARGV[at], ARGV[at + 1])
  redis.call('ZADD', CHANGES, nextVersion, ARGV[at])
  at = at + 2
end
for _ = 1, tonumber(removals) do
  redis.call('HDEL', REQUESTS, ARGV[at])
  redis.call('ZADD', CHANGES, nextVersion, ARGV[at])
  at = at + 1
end
local excess = redis.call('ZCARD', CHANGES) - MAX_CHANGES
if excess > MAX_CHANGES then
  local floor = redis.call('ZRANGE', CHANGES, excess - 1, excess - 1, 'WITHSCORES')[2]
  redis.call('ZREMRANGEBYSCORE', CHANGES, '-inf', floor)
  redis.call('HSET', CHAT, 'floor', floor)
end

redis.call('HSETNX', CHAT, 'count', redis.call('XLEN', MESSAGES))
local count = #ARGV - at + 1
if count == 0 then
  expireLike(REQUESTS, CHANGES)
  return {formatInteger(chat.last), formatInteger(chat.idle), formatInteger(milliseconds())}
end
-- A node whose clock is behind must not make the chat end early.
instant = formatInteger(math.max(chat.idle, tonumber(instant)))
local first = nextId(chat.last)
for index = 0, count - 1 do
  local stream = string.sub(kinds, index + 1, index + 1) == 'k' and KEPT or JOINS
  redis.call('XADD', stream, formatInteger(first + index) .. '-0', 'e', ARGV[at + index])
end
local dropped = redis.call('XLEN', JOINS) - tonumber(keep)
if dropped > 0 then
  local oldest = redis.call('XRANGE', JOINS, '-', '+', 'COUNT', dropped)
  redis.call('HSET', CHAT, 'forgotten', string.match(oldest[dropped][1], '%d+'))
  redis.call('XTRIM', JOINS, 'MAXLEN', keep)
end
redis.call('HSET', CHAT, 'last', formatInteger(first + count - 1), 'idle', instant)
expireIn(ttl)
redis.call('SPUBLISH', CHAT, 'j ' .. formatInteger(chat.last) .. ' ' .. instant .. ' ' .. formatInteger(first) .. ' ['
  .. table.concat(ARGV, ',', at) .. ']')
return {formatInteger(first + count - 1), instant, formatInteger(milliseconds())}
