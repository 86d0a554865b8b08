//! Compressed entries read as others do, by whoever reads them; damaged and oversized ones are misses.
//!
//! Its allocator counts: a length that was made up must not be believed.

mod steps;

use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

use cache_runtime::{Cache, Compression, ErrorKind, Key, Source, cached, observe};
use peak_alloc::PeakAlloc;
use serde::{Deserialize, Serialize};
use steps::envelope::{LZ4, ZSTD, flags, payload_start, seal};
use steps::tiers::on_each_tier_with;
use steps::warnings::Warnings;
use steps::{TTL, alone, becomes, is_idle, listening, patient};
use tests::RedisServer;

#[global_allocator]
static ALLOCATED: PeakAlloc = PeakAlloc;

const EACH: [fn() -> Compression; 2] = [Compression::lz4, Compression::zstd];

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Page {
    org: u32,
    rows: Vec<String>,
}

/// Some 20 KiB that shrink.
fn page(org: u32) -> Page {
    Page { org, rows: (0..500).map(|n| format!("row {n} of the organisation {org}")).collect() }
}

fn noise(length: usize) -> Vec<u8> {
    (0..length).map(|_| fastrand::u8(..)).collect()
}

#[cached(key = "page:{org}", ttl = "1m", negative_ttl = "1m", tags = ["pages", "org:{return.org}"], skip(loads))]
async fn find_page(loads: &AtomicU32, org: u32) -> Option<Page> {
    loads.fetch_add(1, SeqCst);
    (org > 0).then(|| page(org))
}

#[tokio::test]
async fn what_is_compressed_is_found_invalidated_and_touched_as_ever() {
    for compression in EACH {
        on_each_tier_with(
            |builder| builder.compress(compression()),
            async |cache, _| {
                let loads = AtomicU32::new(0);
                let find = async |org| {
                    let found = cache.scope(find_page(&loads, org)).await;
                    is_idle(&cache).await;
                    found
                };
                // The first load leaves only the name of the tag that its result names.
                for _ in 0..4 {
                    assert_eq!(find(1).await, Some(page(1)));
                    assert_eq!(find(0).await, None);
                }
                let known = loads.load(SeqCst);
                assert!(known <= 3, "{known} loads");
                cache.invalidate_tags(["org:1"]).await.expect("up");
                assert_eq!(find(1).await, Some(page(1)));
                assert_eq!(loads.load(SeqCst), known + 1, "its tag was invalidated");

                let pages = || (1..4).map(page);
                cache.put_many(pages().map(|page| (Key::new(format!("p:{}", page.org)), page)), TTL).await.expect("up");
                assert!(cache.touch("p:2", TTL * 2).await.expect("up"));
                assert!(cache.ttl("p:2").await.expect("up").is_some_and(|left| left > TTL));
                let read = cache.get_many::<Page>(["p:1", "p:2", "none", "p:3"]).await.expect("up");
                let mut wanted: Vec<_> = pages().map(Some).collect();
                wanted.insert(2, None);
                assert_eq!(read, wanted);
                assert_eq!(cache.stats().total().undecodable, 0);
            },
        )
        .await;
    }
}

#[tokio::test]
async fn each_reads_what_any_other_has_written() {
    let server = RedisServer::start();
    let plain = alone(patient("mixed", server.url())).await;
    let quick = alone(patient("mixed", server.url()).compress(Compression::lz4())).await;
    let small = alone(patient("mixed", server.url()).compress(Compression::zstd().level(19).above(1))).await;
    let mut stored = Vec::new();
    for (cache, flag) in [(&plain, 0), (&quick, LZ4), (&small, ZSTD)] {
        cache.put("k", &page(7), TTL).await.expect("up");
        let envelope = server.get_raw("mixed:e:k").expect("it was put");
        assert_eq!(flags(&envelope), flag);
        stored.push(envelope.len());
        for reader in [&plain, &quick, &small] {
            assert_eq!(reader.get("k").await.expect("up"), Some(page(7)));
        }
    }
    let [plain, quick, small] = stored[..] else { unreachable!("three were stored") };
    assert!(quick < plain / 2 && small < quick, "{stored:?}");
}

#[tokio::test]
async fn in_process_a_value_weighs_what_it_takes_decoded() {
    let server = RedisServer::start();
    let plain = listening(patient("weight", server.url())).await;
    for compression in EACH {
        let compressing = listening(patient("weight", server.url()).compress(compression())).await;
        compressing.put("k", &page(1), TTL).await.expect("up");
        for reader in [&plain, &compressing] {
            becomes(reader, "it is kept", async || {
                assert_eq!(reader.get("k").await.expect("up"), Some(page(1)));
                reader.stats().local_entries == 1
            })
            .await;
        }
        let weights = [&plain, &compressing].map(|reader| reader.stats().local_bytes);
        assert!(weights[0] == weights[1] && weights[0] > 10_000, "{weights:?}");
    }
}

#[tokio::test]
async fn small_values_and_those_that_do_not_shrink_are_stored_as_they_are() {
    let server = RedisServer::start();
    let text = "x".repeat(2_000);
    for compression in EACH {
        let cache = alone(patient("asis", server.url()).compress(compression().above(1_999))).await;
        // Encoded, a text has its length in front of it.
        let (small, noise) = (text[3..1_999].to_owned(), noise(100_000));
        cache.put("small", &small, TTL).await.expect("up");
        cache.put("noise", &noise, TTL).await.expect("up");
        cache.put("large", &text, TTL).await.expect("up");
        let stored = |key: &str| server.get_raw(&format!("asis:e:{key}")).expect("it was put");
        assert_eq!((flags(&stored("small")), flags(&stored("noise"))), (0, 0));
        assert_ne!(flags(&stored("large")), 0);
        assert!(stored("noise").len() < 100_000 + 100);
        assert_eq!(cache.get("small").await.expect("up"), Some(small));
        assert_eq!(cache.get("noise").await.expect("up"), Some(noise));
        assert_eq!(cache.get("large").await.expect("up"), Some(text.clone()));
    }
}

#[tokio::test]
async fn a_damaged_payload_is_a_miss_and_the_next_load_replaces_it() {
    let server = RedisServer::start();
    for compression in EACH {
        let told = Warnings::collect();
        let cache = alone(patient("damaged", server.url()).compress(compression())).await;
        let load = async || {
            let load = cache.get_or_load("k", TTL, || async { Ok::<_, std::convert::Infallible>(page(1)) });
            let (value, seen) = observe(load).await;
            assert_eq!(value.expect("the loader does not fail"), page(1));
            is_idle(&cache).await;
            seen.source
        };
        cache.remove(["k"]).await.expect("up");
        load().await;
        let whole = server.get_raw("damaged:e:k").expect("it was stored");
        let start = payload_start(&whole);
        let damages: [fn(&mut Vec<u8>, usize); 6] = [
            |envelope, start| envelope[start + 4..].fill(0xff),
            |envelope, start| envelope.truncate(start + 40),
            |envelope, start| envelope.truncate(start + 3),
            |envelope, start| envelope[start] ^= 1,
            |envelope, start| envelope[start..start + 4].fill(0),
            |envelope, start| envelope[start..start + 4].fill(0xff),
        ];
        for (number, damage) in damages.into_iter().enumerate() {
            let mut damaged = whole.clone();
            damage(&mut damaged, start);
            seal(&mut damaged);
            server.set_raw("damaged:e:k", &damaged);
            assert_eq!(cache.get::<Page>("k").await.expect("a miss is no error"), None, "damage {number}");
            assert_eq!(load().await, Source::Loaded, "damage {number}");
            assert_eq!(load().await, Source::Redis, "damage {number}");
        }
        assert_eq!(cache.stats().direct.undecodable, 12, "each was read twice");
        assert_eq!(told.so_far().len(), 1, "{:?}", told.so_far());
    }
    assert!(ALLOCATED.peak_usage_as_gb() < 1.0, "no length of 4 GiB was believed");
}

#[tokio::test]
async fn what_would_become_larger_than_the_limit_is_a_miss() {
    let server = RedisServer::start();
    let large = "x".repeat(500_000);
    for compression in EACH {
        let told = Warnings::collect();
        let writer = alone(patient("bound", server.url()).compress(compression())).await;
        let reader = alone(patient("bound", server.url()).max_entry_bytes(100_000)).await;
        writer.put("k", &large, TTL).await.expect("up");
        assert!(server.get_raw("bound:e:k").expect("it was put").len() < 10_000);
        assert_eq!(reader.get::<String>("k").await.expect("up"), None);
        assert_eq!(writer.get("k").await.expect("up"), Some(large.clone()));
        let told = told.so_far();
        assert!(matches!(&told[..], [one] if one.contains("max_entry_bytes")), "{told:?}");
        // The bound is that of the value, however small it would be stored.
        let narrow = patient("bound", server.url()).max_entry_bytes(100_000).compress(compression());
        let refused = alone(narrow).await.put("k", &large, TTL).await.expect_err("too large");
        assert_eq!(refused.kind(), ErrorKind::TooLarge);
    }
}

#[test]
fn a_bad_setting_is_named_with_its_value() {
    for (compression, expected) in [
        (Compression::lz4().above(0), "`compress.above` = 0"),
        (Compression::zstd().level(0), "`compress.level` = 0"),
        (Compression::zstd().level(20), "`compress.level` = 20"),
        (Compression::lz4().level(3), "`compress.level` = 3"),
    ] {
        let error = Cache::builder().compress(compression).build().expect_err(expected);
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.to_string().contains(expected), "{error}");
    }
}
