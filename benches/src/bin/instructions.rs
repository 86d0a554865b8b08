//! So many hits in process, and nothing else: what `cargo x instructions` lets valgrind count.

use benches::ours;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [name, calls] = &arguments[..] else { panic!("usage: instructions <path> <calls>") };
    let calls = calls.parse().expect("a number of calls");
    let path = match name.as_str() {
        "no-tag" => ours::in_process(),
        "two-tags" => ours::in_process_tagged(),
        _ => panic!("no path is called `{name}`"),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a thread can be made");
    runtime.block_on(async {
        path.warm_up().await;
        path.ask(calls).await;
    });
}
