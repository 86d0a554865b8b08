//! What the four codecs and the two ways to compress cost, by the size of the value.
//!
//! In one thread, without a server: the median of rounds in which each takes its turn.

use std::fmt::Write as _;
use std::hint::black_box;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use cache_runtime::__private::{pack, unpack};
use cache_runtime::Compression;
use cache_runtime::codec::{Bincode, Codec, Json, MessagePack, Postcard};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use benches::spread::median;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct User {
    id: u64,
    name: String,
    email: String,
    active: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Order {
    id: u64,
    user: u64,
    sku: String,
    title: String,
    cents: i64,
    discount: f64,
    tags: Vec<String>,
    note: Option<String>,
    paid: bool,
}

const WORDS: [&str; 12] =
    ["red", "blue", "small", "large", "cotton", "wool", "shirt", "shoe", "jacket", "winter", "summer", "classic"];

/// Orders as a shop has them: words that repeat, numbers that do not. The same in every run.
fn orders(count: u64) -> Vec<Order> {
    let mut seed = 1u64;
    let mut random = move |below: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % below
    };
    let order = |id| {
        let mut word = || WORDS[random(WORDS.len() as u64) as usize].to_owned();
        let title = [word(), word(), word()].join(" ");
        let tags = vec![word(), word()];
        let note = Some(format!("please leave it with {}", word())).filter(|_| random(4) == 0);
        Order {
            id: 100_000 + id,
            user: random(1_000_000),
            sku: format!("SKU-{:08x}", random(1 << 31)),
            title,
            cents: random(100_000) as i64,
            discount: random(1_000) as f64 / 7.0,
            tags,
            note,
            paid: random(2) == 0,
        }
    };
    (0..count).map(order).collect()
}

/// How long each piece of work takes, in nanoseconds.
#[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
fn nanoseconds<const N: usize>(quick: bool, work: [&dyn Fn(); N]) -> [f64; N] {
    let (rounds, time) = if quick { (5, 200) } else { (15, 1_000) };
    let time = Duration::from_micros(time);
    let mut taken = [const { Vec::new() }; N];
    for _ in 0..rounds {
        for (work, taken) in work.iter().zip(&mut taken) {
            let (started, mut calls) = (Instant::now(), 0u32);
            // The clock costs about as much as the smallest piece of work.
            while calls < 16 || started.elapsed() < time {
                for _ in 0..16 {
                    work();
                }
                calls += 16;
            }
            taken.push(started.elapsed().as_nanos() as f64 / f64::from(calls));
        }
    }
    taken.map(median)
}

fn encoded<C: Codec, V: Serialize>(value: &V, capacity: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(capacity);
    C::encode(value, &mut bytes).expect("has a form");
    bytes
}

fn codec<C: Codec, V: Serialize + DeserializeOwned>(table: &mut String, quick: bool, size: &str, value: &V) {
    let bytes = encoded::<C, V>(value, 0);
    // As a fill allocates: what the last value of the type took.
    let encode = || drop(black_box(encoded::<C, V>(value, bytes.len())));
    let decode = || drop(black_box(C::decode::<V>(&bytes)));
    let [encode, decode] = nanoseconds(quick, [&encode, &decode]);
    writeln!(table, "| {size} | {} | {} | {encode:.0} | {decode:.0} |", C::NAME, bytes.len())
        .expect("a string takes everything");
}

fn codecs<V: Serialize + DeserializeOwned>(table: &mut String, quick: bool, size: &str, value: &V) {
    codec::<Bincode, V>(table, quick, size, value);
    codec::<Postcard, V>(table, quick, size, value);
    codec::<MessagePack, V>(table, quick, size, value);
    codec::<Json, V>(table, quick, size, value);
}

fn compression<C: Codec>(table: &mut String, quick: bool, value: &Vec<Order>) {
    let plain = encoded::<C, _>(value, 0);
    let ways = [
        ("lz4", Compression::lz4()),
        ("zstd 1", Compression::zstd()),
        ("zstd 3", Compression::zstd().level(3)),
        ("zstd 9", Compression::zstd().level(9)),
    ];
    for (name, way) in ways {
        let way = way.above(1);
        let Some(packed) = pack(&way, &plain) else {
            writeln!(table, "| {} | {} | {name} | does not shrink | | | |", C::NAME, plain.len())
                .expect("a string takes everything");
            continue;
        };
        let compress = || drop(black_box(pack(&way, &plain)));
        let decompress = || drop(black_box(unpack(&way, &packed, plain.len())));
        let decode = || drop(black_box(C::decode::<Vec<Order>>(&plain)));
        let [compress, decompress, decode] = nanoseconds(quick, [&compress, &decompress, &decode]);
        writeln!(
            table,
            "| {} | {} | {name} | {} % | {compress:.0} | {decompress:.0} | {:.0} % |",
            C::NAME,
            plain.len(),
            100 - 100 * packed.len() / plain.len(),
            100.0 * decompress / decode,
        )
        .expect("a string takes everything");
    }
}

fn run(quick: bool) -> String {
    let user = User { id: 4_711, name: "user number 4711".into(), email: "user4711@example.com".into(), active: true };
    let mut table = String::from("| value | codec | bytes | encode, ns | decode, ns |\n|---|---|---:|---:|---:|\n");
    codecs(&mut table, quick, "one user", &user);
    codecs(&mut table, quick, "12 orders", &orders(12));
    codecs(&mut table, quick, "760 orders", &orders(760));
    table.push_str(
        "\n| codec | bytes | compressed by | saved | compress, ns | decompress, ns | decoding is longer by |\n",
    );
    table.push_str("|---|---:|---|---:|---:|---:|---:|\n");
    for count in [3, 6, 12, 24, 48, 96, 760] {
        compression::<Bincode>(&mut table, quick, &orders(count));
    }
    for count in [6, 24, 760] {
        compression::<Json>(&mut table, quick, &orders(count));
    }
    table
}

fn main() -> ExitCode {
    match std::env::args().nth(1).as_deref() {
        None => println!("{}", run(false)),
        Some("--quick") => println!("{}", run(true)),
        Some(_) => return ExitCode::from(2),
    }
    ExitCode::SUCCESS
}
