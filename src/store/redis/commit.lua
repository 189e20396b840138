#!lua
-- ARGV: version, door, rights, instant, how many join events are kept, how long the chat is kept, the join events as JSON.
-- Gives [last event id, instant since when the chat is idle], or 'gone', 'conflict'.
local chat = numbers('version', 'last')
if not chat then return 'gone' end
local version, door, rights, instant, kept, ttl = unpack(ARGV)
if takeOver() or chat.version ~= tonumber(version) then return 'conflict' end
redis.call('HSET', CHAT, 'door', door, 'version', whole(chat.version + 1), 'rights', rights)
local count = #ARGV - 6
if count == 0 then return redis.call('HMGET', CHAT, 'last', 'idle') end
local first = nextId(chat.last)
for index = 1, count do
  redis.call('XADD', JOINS, whole(first + index - 1) .. '-0', 'e', ARGV[6 + index])
end
local excess = redis.call('XLEN', JOINS) - tonumber(kept)
if excess > 0 then
  local oldest = redis.call('XRANGE', JOINS, '-', '+', 'COUNT', excess)
  redis.call('HSET', CHAT, 'forgotten', string.match(oldest[excess][1], '%d+'))
  redis.call('XTRIM', JOINS, 'MAXLEN', kept)
end
redis.call('HSET', CHAT, 'last', whole(first + count - 1), 'idle', instant)
keepFor(ttl)
redis.call('SPUBLISH', CHAT, 'j ' .. whole(chat.last) .. ' ' .. instant .. ' ' .. whole(first) .. ' ['
  .. table.concat(ARGV, ',', 7) .. ']')
return {whole(first + count - 1), instant}
