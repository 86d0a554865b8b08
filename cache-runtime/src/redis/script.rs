//! What must be atomic beyond what single commands are.
//!
//! ```text
//! fence     F state8 (nonce8 deadline8)*     who has announced a mutation of this name, and until when
//! ```
//! `state8` is new with every change, so that what was observed under a fence is never equal before and after one.
//! Deadlines are the server's own milliseconds, as the ttl of the key is.

use smallvec::SmallVec;

use super::command::{Command, decimal};

/// A script on one name.
pub(super) fn on(name: &str, script: &str, arguments: &[&[u8]]) -> Command {
    on_all(&[name], script, arguments)
}

/// A script on several names.
pub(super) fn on_all(names: &[impl AsRef<str>], script: &str, arguments: &[&[u8]]) -> Command {
    let count = decimal(names.len() as u64);
    let mut all: SmallVec<[&[u8]; 8]> = SmallVec::from_slice(&[script.as_bytes(), &count]);
    all.extend(names.iter().map(|name| name.as_ref().as_bytes()));
    all.extend_from_slice(arguments);
    Command::new("EVAL", &all)
}

/// What the entry holds; the given token if it held nothing of ours. `ARGV`: the token, its ttl.
pub(super) const TOKEN: &str = "local held = redis.pcall('GET', KEYS[1])
if type(held) == 'string' and #held >= 9 then return held end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return ARGV[1]";

/// What the tag holds; the given stamp if it held none of this history. `ARGV`: the stamp, its ttl.
pub(super) const STAMP: &str = "local held = redis.pcall('GET', KEYS[1])
if type(held) == 'string' then
  if #held == 12 and held:sub(1, 4) == ARGV[1]:sub(1, 4) then return held end
  if #held >= 25 and held:sub(1, 1) == 'F' then return held end
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return ARGV[1]";

/// Stores an envelope if the entry still begins with what was observed before the load.
/// `ARGV`: what was observed, the envelope, its ttl.
pub(super) const FILL: &str = "if redis.call('GETRANGE', KEYS[1], '0', '8') ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1";

/// The same of each name. An error that one meets is its own. The replies: `OK`, the error, or 0 if something else was
/// observed.
pub(super) const FILLS: &str = "local replies = {}
for i = 1, #KEYS do
  local reply = redis.pcall('GETRANGE', KEYS[i], '0', '8')
  if reply == ARGV[3 * i - 2] then reply = redis.pcall('SET', KEYS[i], ARGV[3 * i - 1], 'PX', ARGV[3 * i]) end
  replies[i] = type(reply) == 'table' and reply or 0
end
return replies";

/// The mutant of [`FILLS`]: nothing is compared.
pub(super) const SET_ALL: &str = "local replies = {}
for i = 1, #KEYS do replies[i] = redis.pcall('SET', KEYS[i], ARGV[3 * i - 1], 'PX', ARGV[3 * i]) end
return replies";

/// Gives back a token whose load ended without a value, so that nobody waits for it. `ARGV`: the token's beginning.
pub(super) const RELEASE: &str = "if redis.call('GETRANGE', KEYS[1], '0', '8') ~= ARGV[1] then return 0 end
return redis.call('UNLINK', KEYS[1])";

/// Lets a stamp live on; a fence ends when it ends. `ARGV`: the ttl.
pub(super) const RENEW: &str = "if redis.pcall('STRLEN', KEYS[1]) ~= 12 then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[1])";

/// Removes names; one that is fenced by others stays fenced. How many were removed or changed.
///
/// `ARGV`: a new state, then the nonces that are released, without separators.
pub(super) const VOID: &str = "local removed = 0
local now
for i = 1, #KEYS do
  local head = redis.pcall('GETRANGE', KEYS[i], '0', '0')
  if head ~= 'F' then
    removed = removed + redis.call('UNLINK', KEYS[i])
  else
    local held = redis.call('GET', KEYS[i])
    if not now then local t = redis.call('TIME'); now = t[1] * 1000 + math.floor(t[2] / 1000) end
    local rest, last = {}, 0
    for at = 10, #held - 15, 16 do
      local nonce, deadline = held:sub(at, at + 7), struct.unpack('<I8', held:sub(at + 8, at + 15))
      local released = false
      for r = 1, #ARGV[2] - 7, 8 do released = released or ARGV[2]:sub(r, r + 7) == nonce end
      if not released and deadline > now then
        rest[#rest + 1] = held:sub(at, at + 15)
        last = math.max(last, deadline)
      end
    end
    if #rest == 0 then
      removed = removed + redis.call('UNLINK', KEYS[i])
    else
      redis.call('SET', KEYS[i], 'F' .. ARGV[1] .. table.concat(rest), 'PX', last - now)
      removed = removed + 1
    end
  end
end
return removed";

/// Fences a name. `ARGV`: a new state, the nonce, the fence's ttl in milliseconds.
pub(super) const FENCE: &str = "local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local ttl = tonumber(ARGV[3])
local rest, last = {}, now + ttl
local held = redis.pcall('GET', KEYS[1])
if type(held) == 'string' and held:sub(1, 1) == 'F' then
  for at = 10, #held - 15, 16 do
    local deadline = struct.unpack('<I8', held:sub(at + 8, at + 15))
    if held:sub(at, at + 7) ~= ARGV[2] and deadline > now then
      rest[#rest + 1] = held:sub(at, at + 15)
      last = math.max(last, deadline)
    end
  end
end
rest[#rest + 1] = ARGV[2] .. struct.pack('<I8', now + ttl)
redis.call('SET', KEYS[1], 'F' .. ARGV[1] .. table.concat(rest), 'PX', last - now)
return 1";

/// The mutant of [`VOID`]: a stamp counts up, and is not removed.
pub(super) const COUNT_UP: &str = "local counted = 0
for i = 1, #KEYS do
  local held = redis.call('GET', KEYS[i])
  if held and #held == 12 then
    redis.call('SET', KEYS[i], held:sub(1, 11) .. string.char((held:byte(12) + 1) % 256), 'KEEPTTL')
    counted = counted + 1
  else
    counted = counted + redis.call('UNLINK', KEYS[i])
  end
end
return counted";
