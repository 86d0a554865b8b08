//! Random, truncated, flipped and foreign bytes under our keys are a miss: never a panic, never wrong data.

mod steps;

use cache_runtime::__private::{pack, unpack};
use cache_runtime::{CacheBuilder, Compression, Key, Source, cached, observe};
use steps::{TTL, becomes, patient};
use tests::RedisServer;

/// Reads envelopes from damaged bytes. Together with the random ones at least a million inputs.
const ROUNDS: usize = 1_200_000;

/// What damaged payloads are decompressed to at most.
const LIMIT: usize = 100_000;
/// How many of them, for each way to compress.
const PAYLOADS: usize = 300_000;

/// A real envelope, as the server holds it.
async fn stored(settings: impl Fn(CacheBuilder) -> CacheBuilder) -> Vec<u8> {
    let server = RedisServer::start();
    let cache = settings(patient("fuzz", server.url())).build().expect("in order");
    let key = Key::new("k").tag("t");
    cache.put(&key, &("some text, some text, some text".to_owned(), 7u64), TTL).await.expect("up");
    server.get_raw("fuzz:e:k").expect("it was put")
}

#[tokio::test]
async fn a_million_damaged_envelopes_are_refused() {
    let plain = stored(|builder| builder).await;
    let quick = stored(|builder| builder.compress(Compression::lz4().above(1))).await;
    assert!(quick.len() < plain.len(), "it shrinks");
    let wholes = [plain, quick];
    let payload = cache_runtime::__private::payload_of(&wholes[0]).expect("whole").to_vec();
    let (mut accepted, mut tried) = (0, 0);
    for round in 0..ROUNDS {
        let whole = &wholes[round / 5 % 2];
        let mut bytes = whole.clone();
        match round % 5 {
            // The id and the history, bytes 1 to 12, are compared with the server's and not part of the check.
            0 => bytes[13 + fastrand::usize(..whole.len() - 13)] ^= 1 << fastrand::u32(..8),
            1 => bytes.truncate(fastrand::usize(..whole.len())),
            2 => (0..fastrand::usize(1..20)).for_each(|_| bytes.push(fastrand::u8(..))),
            3 => {
                let at = 13 + fastrand::usize(..whole.len() - 13);
                bytes[at..].iter_mut().for_each(|byte| *byte = fastrand::u8(..));
            }
            _ => {
                bytes = (0..fastrand::usize(..200)).map(|_| fastrand::u8(..)).collect();
                if let Some(first) = bytes.first_mut() {
                    *first = b'E';
                }
            }
        }
        tried += 1;
        if bytes != *whole && cache_runtime::__private::payload_of(&bytes).is_some() {
            accepted += 1;
        }
    }
    assert!(tried >= 1_000_000);
    assert_eq!(accepted, 0);
    assert!(!payload.is_empty());
}

/// Behind a check that is right: what gets there was made by hand.
#[test]
fn damaged_compressed_payloads_never_panic_and_never_exceed_the_limit() {
    let text: String = (0..200).map(|n| format!("row {n}, ")).collect();
    for compression in [Compression::lz4().above(1), Compression::zstd().above(1)] {
        let whole = pack(&compression, text.as_bytes()).expect("it shrinks");
        assert_eq!(unpack(&compression, &whole, LIMIT).as_deref(), Some(text.as_bytes()));
        assert_eq!(unpack(&compression, &whole, text.len() - 1), None, "larger than the limit");
        let mut refused = 0;
        for round in 0..PAYLOADS {
            let mut bytes = whole.clone();
            match round % 5 {
                0 => bytes[fastrand::usize(..whole.len())] ^= 1 << fastrand::u32(..8),
                1 => bytes.truncate(fastrand::usize(..whole.len())),
                2 => (0..fastrand::usize(1..20)).for_each(|_| bytes.push(fastrand::u8(..))),
                // A length that may pass, and something behind it.
                3 => bytes[..4].copy_from_slice(&fastrand::u32(..2 * LIMIT as u32).to_le_bytes()),
                _ => {
                    let at = fastrand::usize(4..whole.len());
                    bytes[at..].iter_mut().for_each(|byte| *byte = fastrand::u8(..));
                }
            }
            match unpack(&compression, &bytes, LIMIT) {
                Some(plain) => assert!(plain.len() <= LIMIT),
                None => refused += 1,
            }
        }
        assert!(refused > PAYLOADS / 2, "{refused} of {PAYLOADS} were refused");
    }
}

#[cached(key = "v:{n}", ttl = "1m", tags = ["v"])]
async fn value(n: u32) -> (u32, String) {
    (n, "right".to_owned())
}

#[tokio::test]
async fn whatever_is_found_under_our_keys_is_overwritten_by_the_next_fill() {
    let server = RedisServer::start();
    let cache = patient("foreign", server.url()).local_tier(false).build().expect("in order");
    let right = (1, "right".to_owned());
    let settle = async || {
        becomes(&cache, "it is a hit again", async || {
            let (found, seen) = cache.scope(observe(value(1))).await;
            assert_eq!(found, right);
            seen.source == Source::Redis
        })
        .await;
    };
    settle().await;
    let envelope = server.get_raw("foreign:e:v:1").expect("it is a hit");
    for length in [0, 1, 8, 9, 12, 13, 20, 52, envelope.len() - 1] {
        server.set_raw("foreign:e:v:1", &envelope[..length]);
        settle().await;
    }
    for bit in (0..envelope.len() * 8).step_by(7) {
        let mut flipped = envelope.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        server.set_raw("foreign:e:v:1", &flipped);
        assert_eq!(cache.scope(value(1)).await, right, "bit {bit}");
    }
    for foreign in ["hello", "T", "V", "W-of-a-later-version", "{\"json\": true}"] {
        for key in ["foreign:e:v:1", "foreign:t:v"] {
            server.set_raw(key, foreign.as_bytes());
            settle().await;
        }
    }
    for key in ["foreign:e:v:1", "foreign:t:v"] {
        server.command(&["DEL", key]);
        server.command(&["LPUSH", key, "somebody's list"]);
        settle().await;
    }
    assert!(server.query::<i64>(&["PTTL", "foreign:e:v:1"]) > 0, "everything has a ttl");
    assert!(server.query::<i64>(&["PTTL", "foreign:t:v"]) > 0, "everything has a ttl");
}
