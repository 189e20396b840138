#!lua flags=no-writes
-- ARGV: number of messages, the event before which they are, the event up to which ('' for the end), '1' to read
-- although messages were lost. Returns [id of the oldest of them, or where one would be, '1' if there are older ones], or 'gone', 'lost'.
local PER_CALL = 50
local chat = numbers('last')
if not chat then return 'gone' end
if ARGV[4] == '' and hasLostMessages() then return 'lost' end
local last = ARGV[3] == '' and chat.last or math.min(tonumber(ARGV[3]), chat.last)
if ARGV[2] ~= '' then last = math.min(last, tonumber(ARGV[2]) - 1) end
local wanted, seen = tonumber(ARGV[1]), 0
local from, next = last + 1, last
while next and next > 0 do
  local page = redis.call('XREVRANGE', MESSAGES, formatInteger(next) .. '-0', '1-0', 'COUNT', PER_CALL)
  next = nil
  for index, entry in ipairs(page) do
    seen = seen + 1
    if seen > wanted then return {formatInteger(from), '1'} end
    from = tonumber(string.match(entry[1], '%d+'))
    if index == PER_CALL then next = from - 1 end
  end
end
return {formatInteger(from), '0'}
