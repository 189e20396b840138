#!lua flags=no-writes
-- ARGV: event id after which to read, last event id to read ('' for the end of the log), maximum number. Returns [JSON of the
-- messages separated by commas, id of the last of them or '' for none, '1' if there are more, last event id], or 'gone',
-- 'cursor-unknown'.
local chat = numbers('last')
if not chat then return 'gone' end
local after, count = tonumber(ARGV[1]), tonumber(ARGV[3])
local upTo = ARGV[2] == '' and chat.last or tonumber(ARGV[2])
if after > upTo or not isKnownId(chat, after) then return 'cursor-unknown' end
upTo = math.min(upTo, chat.last)
local found = redis.call('XRANGE', MESSAGES, formatInteger(after + 1) .. '-0', formatInteger(upTo) .. '-0', 'COUNT', count + 1)
local texts = {}
for index = 1, math.min(#found, count) do texts[index] = found[index][2][2] end
local lastId = #texts > 0 and string.match(found[#texts][1], '%d+') or ''
return {table.concat(texts, ','), lastId, #found > count and '1' or '0', formatInteger(chat.last)}
