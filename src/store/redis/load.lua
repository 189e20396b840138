#!lua flags=no-writes
-- ARGV: the version that the caller has, "" for none. Returns [version, rights, last, idle, time, kind, …], or 'gone'. The kinds:
-- "same": the caller has this version. "old", door: layout 1. "changes", head ("" if it has not changed), then guest and
-- record ("" if removed) of each request that has changed. "whole", head, then guest and record of each request.
local chat = numbers('version', 'rights', 'last', 'idle')
if not chat then return 'gone' end
local reply = {}
for index, field in ipairs({'version', 'rights', 'last', 'idle'}) do reply[index] = formatInteger(chat[field]) end
reply[5] = formatInteger(milliseconds())
local function add(...)
  for _, value in ipairs({...}) do reply[#reply + 1] = value end
end

local known = tonumber(ARGV[1])
if known == chat.version then
  add('same')
  return reply
end
local door = redis.call('HGET', CHAT, 'door')
if door then
  add('old', door)
  return reply
end
local head = redis.call('HGET', CHAT, 'head')
local versions = numbers('headVersion', 'floor')
if not known or known < versions.floor or known > chat.version then
  add('whole', head)
  for _, value in ipairs(redis.call('HGETALL', REQUESTS)) do reply[#reply + 1] = value end
  return reply
end
add('changes', versions.headVersion > known and head or '')
for _, guest in ipairs(redis.call('ZRANGEBYSCORE', CHANGES, '(' .. formatInteger(known), '+inf')) do
  add(guest, redis.call('HGET', REQUESTS, guest) or '')
end
return reply
