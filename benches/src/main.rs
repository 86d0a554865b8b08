//! `cargo x bench`: measurements, one file for each question.
//!
//! | command | question |
//! |---|---|
//! | `cargo x bench`, `cargo x bench hit` | what a hit costs beside a `GET` by hand |
//! | `cargo x bench codec` | what the codecs and compressing cost, by the size of a value; without a server |
//! | `cargo x bench lag` | when other processes stop serving what one has invalidated |
//! | `cargo x bench tags` | what an invalidation costs, by the number of entries that carry the tag, and what it leaves behind |
//! | `cargo x bench memory` | how much the in-process tier has allocated; a program of its own, in `bin/memory.rs` |

mod codec;
mod hit;
mod lag;
mod spread;
mod tags;

use std::process::ExitCode;

const USAGE: &str = "usage: cargo x bench [hit | codec | lag | tags | memory] [--quick]";

fn main() -> ExitCode {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [lag, role, url] = &arguments[..]
        && lag == "lag"
    {
        return block_on(lag::child(role, url));
    }
    let quick = arguments.last().is_some_and(|last| last == "--quick");
    if quick {
        arguments.pop();
    }
    let table = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] | ["hit"] => block_on(hit::run(quick)),
        ["codec"] => codec::run(quick),
        ["lag"] => block_on(lag::run(quick)),
        ["tags"] => block_on(tags::run(quick)),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    println!("{table}");
    ExitCode::SUCCESS
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("threads can be made");
    runtime.block_on(work)
}
