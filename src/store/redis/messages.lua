#!lua flags=no-writes
-- ARGV: the event to read after ('' if the next is given), the first message to read, the event to read up to ('' for the
-- end), the number of messages at most, their bytes at most, '1' to read although messages were lost. Returns [JSON of the messages, separated by commas, number of
-- messages, id of the last one ('' for none), '1' if there are more, last event id of the chat], or 'gone',
-- 'cursor-unknown', 'lost'.
local PER_CALL = 50
local chat = numbers('last')
if not chat then return 'gone' end
if ARGV[6] == '' and hasLostMessages() then return 'lost' end
local upTo = ARGV[3] == '' and chat.last or tonumber(ARGV[3])
local from = tonumber(ARGV[2])
if ARGV[1] ~= '' then
  local after = tonumber(ARGV[1])
  -- After a loss, pages still continue at the messages that are left.
  local isMessage = after > 0 and #redis.call('XRANGE', MESSAGES, ARGV[1] .. '-0', ARGV[1] .. '-0') > 0
  if after > upTo or not (isMessage or isKnownId(chat, after)) then return 'cursor-unknown' end
  from = after + 1
end
upTo = math.min(upTo, chat.last)
local limit, maxBytes = tonumber(ARGV[4]), tonumber(ARGV[5])
local texts, bytes, lastId, hasMore = {}, 0, '', false
while from and from <= upTo and not hasMore do
  local page = redis.call('XRANGE', MESSAGES, formatInteger(from) .. '-0', formatInteger(upTo) .. '-0', 'COUNT', PER_CALL)
  from = nil
  for index, entry in ipairs(page) do
    local text = entry[2][2]
    bytes = bytes + #text + 1
    if #texts == limit or (#texts > 0 and bytes > maxBytes) then
      hasMore = true
      break
    end
    texts[#texts + 1], lastId = text, string.match(entry[1], '%d+')
    if index == PER_CALL then from = tonumber(lastId) + 1 end
  end
end
return {table.concat(texts, ','), formatInteger(#texts), lastId, hasMore and '1' or '0', formatInteger(chat.last)}
