//! The graph of two crates, as the linker leaves it: in debug, and in release with link-time optimization.

use std::path::{Path, PathBuf};
use std::process::Command;

use cache_runtime::graph::{Finding, Graph, Link, Place};

/// What a program prints.
fn graph_of(program: impl AsRef<Path>) -> Graph {
    let output = Command::new(program.as_ref()).output().expect("the program starts");
    serde_json::from_slice(&output.stdout).expect("it prints a graph")
}

/// The workspace's root, from which `file!()` counts.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(3).expect("it lies three folders down").to_owned()
}

/// The folder of programs that were built with `lto = "fat"`.
fn with_lto() -> PathBuf {
    let debug = Path::new(env!("CARGO_BIN_EXE_graph-shop")).parent().expect("it lies in a folder");
    let target = debug.parent().expect("it lies in the target directory");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .args(["build", "--locked", "-p", "graph-shop", "--bin", "graph-shop", "--bin", "only_named"])
        .args(["--profile", "release-lto", "--target-dir"])
        .arg(target)
        .current_dir(root())
        .status();
    assert!(built.expect("cargo starts").success());
    target.join("release-lto")
}

/// Where the sources have this attribute.
fn declared(attribute: &str, files: &[&str]) -> Vec<(String, u32)> {
    let mut found = Vec::new();
    for file in files {
        let source = std::fs::read_to_string(root().join(file)).expect("the file is readable");
        for (line, text) in (1..).zip(source.lines()) {
            if text.trim_start().starts_with(attribute) {
                found.push((file.to_string(), line));
            }
        }
    }
    found
}

const LIBRARY: [&str; 2] = ["tests/graph/catalogue/src/lib.rs", "tests/graph/catalogue/src/prices.rs"];
const PROGRAM: [&str; 1] = ["tests/graph/shop/src/main.rs"];

fn assert_all_are_there<'a>(places: impl Iterator<Item = &'a Place>, declared: Vec<(String, u32)>) {
    let mut found: Vec<(String, u32)> = places.map(|place| (place.file.clone(), place.line)).collect();
    found.sort();
    let mut declared = declared;
    declared.sort();
    assert!(!declared.is_empty());
    assert_eq!(found, declared);
}

/// `sell -tag-> item`
fn edges(graph: &Graph) -> Vec<String> {
    let edges = graph.edges.iter().map(|edge| {
        let link = match &edge.link {
            Link::Tag { invalidated, .. } => invalidated.as_str(),
            Link::Key { invalidated, .. } => invalidated.as_str(),
            Link::Target { target, .. } => target,
            other => panic!("{other:?}"),
        };
        let (from, to) = (&graph.invalidations[edge.invalidation].place, &graph.functions[edge.function].place);
        format!("{} -{link}-> {}", from.name(), to.path)
    });
    edges.collect()
}

fn assert_is_the_graph_of_both(graph: &Graph) {
    assert_all_are_there(
        graph.functions.iter().map(|function| &function.place),
        [declared("#[cached(", &LIBRARY), declared("#[cached(", &PROGRAM)].concat(),
    );
    assert_all_are_there(
        graph.invalidations.iter().map(|invalidation| &invalidation.place),
        declared("#[invalidates(", &PROGRAM),
    );
    assert_eq!(
        edges(graph),
        [
            "empty_cart -cart::item(user)-> graph_shop::cart::item",
            "empty_cart -owner:{user}-> graph_shop::cart::item",
            "sell -items-> graph_catalogue::count",
            "sell -item(id)-> graph_catalogue::item",
            "sell -item:{id}-> graph_catalogue::item",
            "sell -items-> graph_catalogue::item",
            "sell -items-> graph_catalogue::prices::best_price",
            "sell -items-> graph_catalogue::prices::price_of",
            "sell -items-> graph_catalogue::prices::prize",
            "tidy -shelf:{shelf}:1-> graph_catalogue::shelf",
            "tidy -shelf:7-> graph_catalogue::shelf",
        ]
    );
    let found: Vec<String> = graph.findings().iter().map(Finding::id).collect();
    let expected = [
        "never invalidated: cart:{user}",
        "never invalidated: price:{id}",
        "never carried: itms",
        "no such key: prices:{id}",
        "overlapping keys: price:best, price:{id}",
        "one key: price:{id}",
        "similar keys: price:{id}, prize:{id}",
        "unreachable: graph_catalogue::prices::rates",
    ];
    assert_eq!(found, expected);
    graph.check_except(expected).expect("all of it is allowed");
}

#[test]
fn every_function_of_both_crates_is_found() {
    assert_is_the_graph_of_both(&graph_of(env!("CARGO_BIN_EXE_graph-shop")));
}

#[test]
fn a_crate_that_is_named_is_there_with_all_its_functions_though_none_is_used() {
    let graph = graph_of(env!("CARGO_BIN_EXE_only_named"));
    assert_all_are_there(graph.functions.iter().map(|function| &function.place), declared("#[cached(", &LIBRARY));
}

#[test]
fn a_crate_that_nobody_names_is_not_linked_and_that_is_a_finding() {
    let graph = graph_of(env!("CARGO_BIN_EXE_unnamed"));
    assert_eq!(graph.functions, []);
    assert_eq!(graph.findings(), [Finding::NothingLinked]);
}

#[test]
fn link_time_optimization_drops_none() {
    let programs = with_lto();
    let program = |name: &str| programs.join(name).with_extension(std::env::consts::EXE_EXTENSION);
    assert_is_the_graph_of_both(&graph_of(program("graph-shop")));
    assert_eq!(graph_of(program("only_named")), graph_of(env!("CARGO_BIN_EXE_only_named")));
}

#[test]
fn what_was_declared_is_told() {
    let graph = graph_of(env!("CARGO_BIN_EXE_graph-shop"));
    let function = |path: &str| graph.functions.iter().find(|function| function.place.path == path);
    let item = function("graph_catalogue::item").expect("it is there");
    assert_eq!((item.key.as_str(), item.ttl_ms, item.value.as_str()), ("item:{id}", Some(600_000), "Option<String>"));
    let tags: Vec<&str> = item.tags.iter().map(|tag| tag.as_str()).collect();
    assert_eq!(tags, ["item:{id}", "items"]);
    let cart = function("graph_shop::cart::item").expect("it is there");
    assert_eq!(cart.tags[1].as_str(), "owner:{return}");
    assert_eq!(function("graph_catalogue::prices::taxes").expect("it is there").ttl_ms, None);
    let count = function("graph_catalogue::count").expect("it is there");
    assert_eq!(count.key.as_str(), "graph_catalogue::count:{Self}:{id}");

    let invalidation = |name: &str| graph.invalidations.iter().find(|one| one.place.name() == name);
    assert!(invalidation("restock").expect("it is there").only_ok);
    assert!(invalidation("discount").expect("it is there").fenced);
    assert_eq!(invalidation("sell").expect("it is there").targets, ["item(id)"]);
}
