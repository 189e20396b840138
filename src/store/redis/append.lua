#!lua
-- ARGV: rights, the message's JSON from behind its id, instant, bytes that all messages may take, how long the chat is
-- kept, idempotency key ('' for none). Gives [id], or [id, JSON] of the message that this key was used for before, or
-- 'gone', 'conflict', 'chat-full'.
local chat = numbers('rights', 'last', 'bytes', 'base')
if not chat then return 'gone' end
local rights, rest, instant, maxBytes, ttl, key = unpack(ARGV)
if takeOver() or chat.rights ~= tonumber(rights) then return 'conflict' end
local first = key ~= '' and redis.call('HGET', POSTS, key)
if first then
  local entry = first .. '-0'
  return {first, redis.call('XRANGE', MESSAGES, entry, entry)[1][2][2]}
end
local room = tonumber(maxBytes) - chat.bytes
if #rest + #'{"id":,' + #whole(math.max(chat.last + 1, chat.base)) + 1 > room then return 'chat-full' end
local id = nextId(chat.last)
local json = '{"id":' .. whole(id) .. ',' .. rest
redis.call('XADD', MESSAGES, whole(id) .. '-0', 'e', json)
redis.call('HSET', CHAT, 'last', whole(id), 'bytes', whole(chat.bytes + #json + 1), 'idle', instant)
if key ~= '' then redis.call('HSET', POSTS, key, whole(id)) end
keepFor(ttl)
redis.call('SPUBLISH', CHAT, 'm ' .. whole(chat.last) .. ' ' .. instant .. ' ' .. whole(id) .. ' ' .. json)
return {whole(id)}
