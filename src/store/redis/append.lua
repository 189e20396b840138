#!lua
-- ARGV: rights, JSON of the message after its id, instant, limit for the bytes of all messages, TTL in ms, idempotency key
-- ('' for none). Returns [id, time], or [id, time, JSON] of the message that already has this key, or 'gone', 'conflict', 'chat-full'.
if hasLostMessages() then recordLoss() end
local chat = numbers('rights', 'last', 'bytes', 'base', 'idle')
if not chat then return 'gone' end
local rights, rest, instant, maxBytes, ttl, key = unpack(ARGV)
if detectFailover() or chat.rights ~= tonumber(rights) then return 'conflict' end
local first = key ~= '' and redis.call('HGET', POSTS, key)
if first then
  local entry = redis.call('XRANGE', MESSAGES, first .. '-0', first .. '-0')[1]
  -- A message that was lost is logged again.
  if entry then return {first, formatInteger(milliseconds()), entry[2][2]} end
end
-- A node whose clock is behind must not make the chat end early.
instant = formatInteger(math.max(chat.idle, tonumber(instant)))
local room = tonumber(maxBytes) - chat.bytes
if #rest + #'{"id":,' + #formatInteger(math.max(chat.last + 1, chat.base)) + 1 > room then return 'chat-full' end
local id = nextId(chat.last)
local json = '{"id":' .. formatInteger(id) .. ',' .. rest
redis.call('HSETNX', CHAT, 'lastOld', formatInteger(chat.last))
redis.call('XADD', MESSAGES, formatInteger(id) .. '-0', 'e', json)
redis.call('HSET', CHAT, 'last', formatInteger(id), 'bytes', formatInteger(chat.bytes + #json + 1), 'idle', instant,
  'count', redis.call('XLEN', MESSAGES))
if key ~= '' then redis.call('HSET', POSTS, key, formatInteger(id)) end
expireIn(ttl)
redis.call('SPUBLISH', CHAT, 'm ' .. formatInteger(chat.last) .. ' ' .. instant .. ' ' .. formatInteger(id) .. ' ' .. json)
return {formatInteger(id), formatInteger(milliseconds())}
