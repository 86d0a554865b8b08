//! Each run book ends in a command, and in what it printed. `RUNBOOKS=overwrite` writes that down anew.

mod steps;

use std::path::PathBuf;

use cache_runtime::Key;
use steps::{Shop, TTL, run};

/// The last block of a kind: where its text begins and ends.
fn last_block(book: &str, kind: &str) -> (usize, usize) {
    let opening = format!("```{kind}\n");
    let start = book.rfind(&opening).expect("it ends in a command and in what that printed") + opening.len();
    (start, start + book[start..].find("```").expect("a block ends"))
}

/// The text without what differs from run to run: numbers, sizes and times, hashes, and how many spaces there are.
fn shape(text: &str) -> Vec<String> {
    text.trim()
        .lines()
        .map(|line| line.split_whitespace().filter_map(shape_of_word).collect::<Vec<_>>().join(" "))
        .collect()
}

/// Nothing of a size or a time, which may be of one word or of two.
fn shape_of_word(word: &str) -> Option<String> {
    const UNITS: [&str; 13] = ["B", "KiB", "MiB", "GiB", "ns", "us", "µs", "ms", "s", "m", "h", "d", "%"];
    let text = word.trim_end_matches([',', ';', ')']);
    let unit = text.trim_start_matches(|character: char| character.is_ascii_digit() || character == '.');
    if UNITS.contains(&unit) {
        return None;
    }
    if text.len() >= 8 && text.chars().all(|character| character.is_ascii_hexdigit()) {
        return Some("hash".to_owned());
    }
    let mut shaped = String::new();
    for character in word.chars() {
        match character {
            '0'..='9' | '.' if shaped.ends_with('0') => {}
            '0'..='9' => shaped.push('0'),
            other => shaped.push(other),
        }
    }
    Some(shaped)
}

async fn ends_as_written(name: &str, shop: &Shop) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/operations").join(name);
    let book = std::fs::read_to_string(&path).expect("the book is there");
    let (start, end) = last_block(&book, "sh");
    let (command, note) = book[start..end].trim().split_once('#').unwrap_or((&book[start..end], ""));
    let exit = note.trim().strip_prefix("exits ").map_or(0, |code| code[..1].parse().expect("a number"));
    let mut words = command.split_whitespace();
    assert_eq!(words.next(), Some("cachectl"));
    let done = run(&mut shop.command(&words.collect::<Vec<_>>())).exits(exit);
    let (start, end) = last_block(&book, "text");
    if std::env::var_os("RUNBOOKS").is_some_and(|how| how == "overwrite") {
        let book = format!("{}{}\n{}", &book[..start], done.out.trim_end(), &book[end..]);
        std::fs::write(&path, book).expect("it can be written");
        return;
    }
    assert_eq!(shape(&book[start..end]), shape(&done.out), "{name}:\n{}", done.out);
}

#[tokio::test]
async fn low_hit_ratio() {
    let shop = Shop::stocked().await;
    shop.cache.invalidate_tags(["users"]).await.expect("up");
    ends_as_written("low-hit-ratio.md", &shop).await;
}

#[tokio::test]
async fn high_memory() {
    ends_as_written("high-memory.md", &Shop::stocked().await).await;
}

#[tokio::test]
async fn stampede() {
    let shop = Shop::stocked().await;
    let cache = shop.cache.clone();
    let load = async || -> Result<u64, std::io::Error> { std::future::pending().await };
    let loading = tokio::spawn(async move { cache.get_or_load(Key::new("report:2026-11"), TTL, load).await });
    let is_loading = async || shop.server.keys().iter().any(|key| key == "shop:e:report:2026-11");
    tests::eventually("the load has begun", is_loading).await;
    ends_as_written("stampede.md", &shop).await;
    loading.abort();
}

#[tokio::test]
async fn stale_data() {
    ends_as_written("stale-data.md", &Shop::stocked().await).await;
}

#[tokio::test]
async fn redis_lost() {
    let shop = Shop::stocked().await;
    shop.server.command(&["CONFIG", "SET", "maxmemory", "1gb"]);
    shop.server.command(&["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"]);
    ends_as_written("redis-lost.md", &shop).await;
}

#[test]
fn a_book_that_prints_something_else_is_found() {
    assert_eq!(shape("user:{}  12 keys\t1.5 KiB  \n"), shape("user:{} 7 keys 980 B"));
    assert_eq!(shape("left 59s 948ms, a5c367d8, at 127.0.0.1:14144"), shape("left 1m, 0123abcd, at 127.0.0.1:9"));
    assert_ne!(shape("user:{} 12 keys"), shape("user:{} 12 entries"));
    assert_ne!(shape("one line"), shape("one line\nand another"));
}
