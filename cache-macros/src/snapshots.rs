//! Expansions, pretty-printed and compared with `tests/expand/*.expanded.rs`.
//!
//! `EXPAND=overwrite cargo test -p cache-macros` writes them anew; review the diff like source.

use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

#[test]
fn expansions_are_as_recorded() {
    let overwrite = std::env::var("EXPAND").is_ok_and(|value| value == "overwrite");
    let mut differing = Vec::new();
    for input in inputs() {
        let expanded = expand_file(&input);
        let recorded = input.with_extension("expanded.rs");
        if overwrite {
            std::fs::write(&recorded, &expanded).expect("the recorded expansion is writable");
        } else if std::fs::read_to_string(&recorded).unwrap_or_default() != expanded {
            differing.push(format!("{}:\n{expanded}", recorded.display()));
        }
    }
    assert!(differing.is_empty(), "run with EXPAND=overwrite to accept\n{}", differing.join("\n"));
}

fn inputs() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/expand");
    let entries = std::fs::read_dir(folder).expect("the folder of inputs exists");
    let mut inputs: Vec<PathBuf> = entries
        .map(|entry| entry.expect("the folder is readable").path())
        .filter(|path| {
            let name = path.to_string_lossy();
            name.ends_with(".rs") && !name.ends_with(".expanded.rs")
        })
        .collect();
    inputs.sort();
    assert!(!inputs.is_empty());
    inputs
}

fn expand_file(path: &Path) -> String {
    let source = std::fs::read_to_string(path).expect("the input is readable");
    let tokens: TokenStream = source.parse().expect("the input is Rust");
    let expanded = expand(tokens);
    let file = syn::parse2(expanded.clone()).unwrap_or_else(|error| panic!("{}: {error}\n{expanded}", path.display()));
    prettyplease::unparse(&file)
}

/// Runs the macros on everything annotated, at any depth.
fn expand(tokens: TokenStream) -> TokenStream {
    let mut out = TokenStream::new();
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        if let Some((name, args)) = tokens.peek().and_then(|next| attribute(&token, next)) {
            tokens.next();
            let mut item = TokenStream::new();
            for token in tokens.by_ref() {
                let end = match &token {
                    TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
                    TokenTree::Punct(punct) => punct.as_char() == ';',
                    _ => false,
                };
                item.extend([token]);
                if end {
                    break;
                }
            }
            out.extend(match name.as_str() {
                "cached" => crate::run_cached(args, item),
                "invalidates" => crate::run_invalidates(args, item),
                _ => crate::run_key_part(item),
            });
            continue;
        }
        out.extend([match token {
            TokenTree::Group(group) => TokenTree::Group(Group::new(group.delimiter(), expand(group.stream()))),
            token => token,
        }]);
    }
    out
}

/// `#[cached(args)]`, `#[invalidates(args)]`, `#[derive(KeyPart)]`: the name and what is in parentheses.
fn attribute(hash: &TokenTree, group: &TokenTree) -> Option<(String, TokenStream)> {
    let (TokenTree::Punct(hash), TokenTree::Group(group)) = (hash, group) else {
        return None;
    };
    let mut inner = group.stream().into_iter();
    let name = inner.next()?.to_string();
    let ours = ["cached", "invalidates", "derive"].contains(&name.as_str());
    let args = match inner.next() {
        Some(TokenTree::Group(args)) => args.stream(),
        _ => TokenStream::new(),
    };
    (hash.as_char() == '#' && ours).then_some((name, args))
}
