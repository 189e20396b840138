#!lua flags=no-writes
-- ARGV: the event after which to read, the last one to read ('' for that of the log), how many at most. Gives [JSON of the
-- messages with commas between them, id of the last of them or '' for none, '1' if there are more, last event id], or 'gone',
-- 'cursor-unknown'.
local chat = numbers('last')
if not chat then return 'gone' end
local after, count = tonumber(ARGV[1]), tonumber(ARGV[3])
local upTo = ARGV[2] == '' and chat.last or tonumber(ARGV[2])
if after > upTo or not knows(chat, after) then return 'cursor-unknown' end
upTo = math.min(upTo, chat.last)
local found = redis.call('XRANGE', MESSAGES, whole(after + 1) .. '-0', whole(upTo) .. '-0', 'COUNT', count + 1)
local texts = {}
for index = 1, math.min(#found, count) do texts[index] = found[index][2][2] end
local lastId = #texts > 0 and string.match(found[#texts][1], '%d+') or ''
return {table.concat(texts, ','), lastId, #found > count and '1' or '0', whole(chat.last)}
