"""What a RedisStore does on the server, as Lua scripts: each runs as a whole, and nobody else in between.

Not who calls them (`redis_store`). Scripting: https://redis.io/docs/latest/develop/programmability/eval-intro/. Redis does not
undo half a script, so whatever can be refused is refused before the first write. KEYS[1] is what the store is (its schema
and the name of its units' key), KEYS[2] begins the keys of a flag. ARGV[1] and ARGV[2] are schema and name of the key as
the caller knows them: where the store was emptied or upgraded since, it learns them again.
"""

from __future__ import annotations

CHANGED = "SHIMCHANGED"
"""Begins the answer to a caller who does not know the store as it is now."""

# A server without memory refuses what may grow, but nothing more in a script that has written before: taking away what is
# not there is such a write. For what is small and must go through, as the kill switch.
_THOUGH_FULL = "redis.call('HDEL', {key}, '')"

# Tries to write in any case, so that a server which takes no writes says so at once. The key's name is kept where
# the caller brings the key, the key too where the store makes it.
LEARN = f"""
{_THOUGH_FULL.format(key="KEYS[1]")}
if redis.call('HSETNX', KEYS[1], 'schema', ARGV[1]) == 1 then
    redis.call('HSET', KEYS[1], 'key_name', ARGV[2])
    if ARGV[3] ~= '' then redis.call('HSET', KEYS[1], 'key', ARGV[3]) end
end
return redis.call('HMGET', KEYS[1], 'schema', 'key_name', 'key')
"""

_BEGIN = f"""
local known = redis.call('HMGET', KEYS[1], 'schema', 'key_name')
if known[1] ~= ARGV[1] or known[2] ~= ARGV[2] then return redis.error_reply('{CHANGED} the store is another one') end
local base = KEYS[2]
local function of(epoch, part) return base .. ':epoch:' .. epoch .. ':' .. part end
"""

_READ_EPOCH = """
local function read_epoch(name)
    return {name, redis.call('HGETALL', of(name, 'sums')), redis.call('HGETALL', of(name, 'counts')),
        redis.call('HGETALL', of(name, 'about'))}
end
"""

_DISCARD = """
local function discard(name)
    for _, kind in ipairs(redis.call('HKEYS', of(name, 'counts'))) do
        redis.call('UNLINK', of(name, 'seen:' .. kind))
    end
    redis.call('UNLINK', of(name, 'sums'), of(name, 'counts'), of(name, 'about'))
    redis.call('ZREM', base .. ':epochs', name)
end
"""

_DROP_LAPSED = """
local function drop_lapsed(now, most)
    local lapsed = redis.call('ZRANGEBYSCORE', base .. ':pins:lapse', '-inf', now, 'LIMIT', 0, most)
    for _, unit in ipairs(lapsed) do
        redis.call('HDEL', base .. ':pins', unit)
        redis.call('ZREM', base .. ':pins:lapse', unit)
        redis.call('ZREM', base .. ':pins:order', unit)
    end
    return #lapsed
end
local function read_pin(unit, now)
    local text = redis.call('HGET', base .. ':pins', unit)
    if not text then return nil end
    local pin = cjson.decode(text)
    if tonumber(pin[3]) <= tonumber(now) then return nil end
    return pin
end
"""

EVERYTHING = f"""{_BEGIN}{_READ_EPOCH}
local epochs = {{}}
for _, name in ipairs(redis.call('ZRANGE', base .. ':epochs', 0, -1)) do epochs[#epochs + 1] = read_epoch(name) end
return {{redis.call('HGETALL', base .. ':documents'), redis.call('HVALS', base .. ':approvals'),
    redis.call('LLEN', base .. ':history'), epochs}}
"""

EPOCH = f"{_BEGIN}{_READ_EPOCH} return read_epoch(ARGV[3])"

DOCUMENTS = f"{_BEGIN} return redis.call('HGETALL', base .. ':documents')"

# ARGV[3]: [[name, text or false]] as expected, ARGV[4]: the same as new; false is none.
SWAP = f"""{_BEGIN}
for _, pair in ipairs(cjson.decode(ARGV[3])) do
    if redis.call('HGET', base .. ':documents', pair[1]) ~= pair[2] then return 0 end
end
{_THOUGH_FULL.format(key="base .. ':documents'")}
for _, pair in ipairs(cjson.decode(ARGV[4])) do
    if pair[2] then redis.call('HSET', base .. ':documents', pair[1], pair[2])
    else redis.call('HDEL', base .. ':documents', pair[1]) end
end
return 1
"""

# ARGV from 3 on: batch id, epoch, now, the batch as JSON, most units per kind, epochs to keep, milliseconds to know the id.
# Sums are added as doubles, as everywhere; HINCRBYFLOAT would round to 17 digits behind the point.
ADD = f"""{_BEGIN}{_DISCARD}
local epoch, now, batch, most = ARGV[4], ARGV[5], cjson.decode(ARGV[6]), tonumber(ARGV[7])
if not redis.call('SET', base .. ':batch:' .. ARGV[3], '1', 'NX', 'PX', ARGV[9]) then return 0 end
local counts, grown, sums, dropped = {{}}, {{}}, {{}}, 0
local function count_of(kind)
    if not counts[kind] then counts[kind] = tonumber(redis.call('HGET', of(epoch, 'counts'), kind) or 0) end
    return counts[kind]
end
local function add(pairs_of)
    for _, pair in ipairs(pairs_of) do sums[pair[1]] = (sums[pair[1]] or 0) + pair[2] end
end
local function is_new(kind, unit)
    if count_of(kind) >= most then
        if redis.call('SISMEMBER', of(epoch, 'seen:' .. kind), unit) == 0 then dropped = dropped + 1 end
        return false
    end
    if redis.call('SADD', of(epoch, 'seen:' .. kind), unit) == 0 then return false end
    counts[kind] = counts[kind] + 1
    grown[kind] = true
    return true
end
add(batch.sums)
for _, first in ipairs(batch.firsts) do
    if is_new(first[1], first[2]) then add(first[3]) end
end
for _, exposure in ipairs(batch.exposures) do
    local kind, other, unit = exposure[1], exposure[2], exposure[3]
    if redis.call('SISMEMBER', of(epoch, 'seen:' .. other), unit) == 1 then is_new(batch.crossed, unit)
    elseif is_new(kind, unit) then add(exposure[4]) end
end
for name, value in pairs(sums) do
    local before = tonumber(redis.call('HGET', of(epoch, 'sums'), name) or 0)
    redis.call('HSET', of(epoch, 'sums'), name, string.format('%.17g', before + value))
end
for kind in pairs(grown) do redis.call('HSET', of(epoch, 'counts'), kind, counts[kind]) end
redis.call('HSETNX', of(epoch, 'about'), 'began', now)
if dropped > 0 then redis.call('HINCRBY', of(epoch, 'about'), 'dropped', dropped) end
local at = redis.call('ZSCORE', base .. ':epochs', epoch)
if not at or tonumber(at) < tonumber(now) then
    redis.call('ZADD', base .. ':epochs', now, epoch)
    redis.call('HSET', of(epoch, 'about'), 'at', now)
end
if not at then
    local excess = redis.call('ZCARD', base .. ':epochs') - tonumber(ARGV[8])
    for _, name in ipairs(redis.call('ZRANGE', base .. ':epochs', 0, -1)) do
        if excess > 0 and name ~= epoch then
            discard(name)
            excess = excess - 1
        end
    end
end
return 1
"""

# ARGV from 3 on: now, when the pins lapse, [[unit, arm, share as text]], lapsed pins to drop. Answers [[arm, share]] so.
PIN = f"""{_BEGIN}{_DROP_LAPSED}
local now, lapses_at, held = ARGV[3], ARGV[4], {{}}
drop_lapsed(now, ARGV[6])
for i, given in ipairs(cjson.decode(ARGV[5])) do
    local unit = given[1]
    local pin = read_pin(unit, now)
    if not pin then
        pin = {{given[2], given[3], lapses_at}}
        redis.call('ZADD', base .. ':pins:order', redis.call('INCR', base .. ':pins:last'), unit)
    elseif tonumber(pin[3]) < tonumber(lapses_at) then pin[3] = lapses_at end
    redis.call('HSET', base .. ':pins', unit, cjson.encode(pin))
    redis.call('ZADD', base .. ':pins:lapse', pin[3], unit)
    held[i] = {{pin[1], pin[2]}}
end
return held
"""

# ARGV from 3 on: now, then the units. Answers [[unit, arm, share]].
PINS = f"""{_BEGIN}{_DROP_LAPSED}
local found = {{}}
for i = 4, #ARGV do
    local pin = read_pin(ARGV[i], ARGV[3])
    if pin then found[#found + 1] = {{ARGV[i], pin[1], pin[2]}} end
end
return found
"""

# ARGV from 3 on: now, after, limit. Answers the position, and [[unit, arm, share]].
PINS_AFTER = f"""{_BEGIN}{_DROP_LAPSED}
local position, found = tonumber(ARGV[4]), {{}}
if position > tonumber(redis.call('GET', base .. ':pins:last') or 0) then position = 0 end
local page = redis.call(
    'ZRANGEBYSCORE', base .. ':pins:order', '(' .. position, '+inf', 'WITHSCORES', 'LIMIT', 0, ARGV[5])
for i = 1, #page, 2 do
    local pin = read_pin(page[i], ARGV[3])
    if pin then found[#found + 1] = {{page[i], pin[1], pin[2]}} end
    position = tonumber(page[i + 1])
end
return {{position, found}}
"""

# ARGV from 3 on: the entry, its id or nothing.
APPEND = f"""{_BEGIN}
local known = ARGV[4] ~= '' and redis.call('HGET', base .. ':history:ids', ARGV[4])
if known then return tonumber(known) end
local position = redis.call('RPUSH', base .. ':history', ARGV[3])
if ARGV[4] ~= '' then redis.call('HSET', base .. ':history:ids', ARGV[4], position) end
return position
"""

ENTRIES = f"{_BEGIN} return redis.call('LRANGE', base .. ':history', ARGV[3], ARGV[4])"

APPROVE = f"{_BEGIN} return redis.call('HSET', base .. ':approvals', ARGV[3], ARGV[4])"

WITHDRAW = f"""{_BEGIN}
local count = 0
for _, name in ipairs(redis.call('HKEYS', base .. ':approvals')) do
    if cjson.decode(name)[1] == ARGV[3] then count = count + redis.call('HDEL', base .. ':approvals', name) end
end
return count
"""

# ARGV from 3 on: now, the time before which epochs go, lapsed pins to drop.
PURGE = f"""{_BEGIN}{_DISCARD}{_DROP_LAPSED}
local old = redis.call('ZRANGEBYSCORE', base .. ':epochs', '-inf', '(' .. ARGV[4])
for _, name in ipairs(old) do discard(name) end
return #old + drop_lapsed(ARGV[3], ARGV[5])
"""
