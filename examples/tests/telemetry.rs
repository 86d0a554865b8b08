//! The programs that show metrics and traces, run as they are.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// In this process only, whatever the environment says.
fn program(path: &str) -> Command {
    let mut command = Command::new(path);
    command.env_remove("CACHE_URL").env_remove("VALKEY_URL").env_remove("REDIS_URL").stdout(Stdio::piped());
    command
}

/// Killed in the end.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout can be set");
    write!(stream, "GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n").expect("the request is sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("the answer is read to its end");
    answer
}

#[test]
fn prometheus_is_told_of_each_outcome() {
    let mut program = program(env!("CARGO_BIN_EXE_prometheus"));
    let mut running = Running(program.env("METRICS_ADDR", "127.0.0.1:0").spawn().expect("it starts"));
    let mut line = String::new();
    BufReader::new(running.0.stdout.as_mut().expect("it is piped")).read_line(&mut line).expect("it tells its address");
    let address = line.trim().strip_prefix("listening on http://").and_then(|rest| rest.strip_suffix("/metrics"));
    let address = address.expect("an address");
    let mut answer = String::new();
    let counted = |answer: &str, outcome: &str| {
        let line = answer.lines().find(|line| {
            line.starts_with("cache_requests_total{")
                && line.contains("::price\"")
                && line.contains(&format!("outcome=\"{outcome}\""))
        });
        line.and_then(|line| line.rsplit_once(' ')).is_some_and(|(_, count)| count != "0")
    };
    let outcomes = ["loaded", "local_hit", "negative_hit"];
    for _ in 0..100 {
        answer = get(address, "/metrics");
        if outcomes.iter().all(|outcome| counted(&answer, outcome)) {
            break;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    for outcome in outcomes {
        assert!(counted(&answer, outcome), "{outcome} in\n{answer}");
    }
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains("cache_load_seconds_bucket{"), "{answer}");
    assert!(answer.contains("# HELP cache_requests_total calls by how they were answered"), "{answer}");
}

#[test]
fn opentelemetry_is_given_metrics_and_spans() {
    let output = program(env!("CARGO_BIN_EXE_opentelemetry")).output().expect("it runs");
    let text = String::from_utf8(output.stdout).expect("it is text");
    assert!(output.status.success(), "{}\n{text}", String::from_utf8_lossy(&output.stderr));
    let metrics = ["cache_requests_total", "cache_load_seconds", "cache_invalidations_total", "price:{product}"];
    let spans = ["request", "cached", "loaded", "local_hit", "opentelemetry::price"];
    for what in metrics.into_iter().chain(spans) {
        assert!(text.contains(what), "{what} in\n{text}");
    }
    assert!(!text.contains("price:7"), "no key is shown\n{text}");
}
