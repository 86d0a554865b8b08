//! The three things that must be atomic beyond what single commands are.

use std::sync::LazyLock;

use redis::Script;

/// Stores an envelope if the entry still begins with what was observed before the load.
pub(crate) static FILL: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "if redis.call('GETRANGE', KEYS[1], 0, 8) ~= ARGV[1] then return 0 end
         redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
         return 1",
    )
});

/// Gives back a token whose load ended without a value, so that nobody waits for it.
pub(crate) static RELEASE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "if redis.call('GETRANGE', KEYS[1], 0, 8) ~= ARGV[1] then return 0 end
         return redis.call('UNLINK', KEYS[1])",
    )
});

/// Replaces a stamp of another history, unless somebody has done so already.
pub(crate) const REMINT: &str = "local held = redis.call('GET', KEYS[1])
if held ~= ARGV[1] then return held end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return ARGV[2]";
