#!lua flags=allow-oom
-- ARGV: last event id, or ''; an instant, or ''. Removes the chat if that is still its last event, and if the instant has come
-- by the server's clock. Returns 1 if it did, otherwise 0.
local chat = numbers('last')
if not chat or (ARGV[1] ~= '' and tonumber(ARGV[1]) ~= chat.last) then return 0 end
if ARGV[2] ~= '' and milliseconds() < tonumber(ARGV[2]) then return 0 end
redis.call('UNLINK', unpack(KEYS))
redis.call('SPUBLISH', CHAT, 'g')
return 1
