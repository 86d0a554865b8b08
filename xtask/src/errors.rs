//! `docs/errors/`: what the macros refuse, and what they say, from the cases in `tests/ui/`.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// A topic's folder, its title, and what it is about.
const TOPICS: [(&str, &str, &str); 8] = [
    (
        "coverage",
        "Coverage",
        "Every parameter, `self` included, is in the key or in `skip(..)`: two calls that differ only in a forgotten argument would share an entry.",
    ),
    ("template", "Templates", "What stands between the quotes of `key`, `tags` and `keys`."),
    ("duration", "Lifetimes", "`ttl`, `negative_ttl` and `local`."),
    ("options", "Options", "How the arguments of `#[cached]` are written."),
    ("function", "Functions", "What the attributes can be put on, and what such a function can return."),
    ("types", "Types", "What only the type checker knows: key parts and cached values."),
    ("invalidates", "Invalidations", "The arguments of `#[invalidates]`, typed targets included."),
    ("key_part", "Key parts", "What `#[derive(KeyPart)]` can be put on."),
];

/// Writes the pages, or with `check` only compares them with what is there.
///
/// # Errors
///
/// A file that cannot be read or written, a case without its message, or, with `check`, a page that differs.
pub(crate) fn generate(root: &Path, check: bool) -> Result<(), String> {
    let mut index = String::from(
        "# Errors\n\nWhat the macros refuse, and what they say. Each case is a test in `tests/ui/`; these pages are \
         written from\nthem by `cargo x errors`.\n\n",
    );
    let mut pages = Vec::new();
    for (folder, title, about) in TOPICS {
        let cases = cases(&root.join("tests/ui").join(folder))?;
        let _ = writeln!(index, "- [{title}]({folder}.md): {} cases. {about}", cases.len());
        pages.push((format!("{folder}.md"), page(title, about, &cases)));
    }
    pages.push(("README.md".to_owned(), index));
    for (name, text) in &pages {
        write(&root.join("docs/errors").join(name), text, check)?;
    }
    check_topics(root)
}

/// One refused program.
struct Case {
    name: String,
    /// The first line of the program, which says what is wrong.
    about: String,
    code: String,
    message: String,
}

fn cases(folder: &Path) -> Result<Vec<Case>, String> {
    let mut cases = Vec::new();
    for path in files(folder)? {
        if path.extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        let source = read(&path)?;
        let message = read(&path.with_extension("stderr"))?;
        let about = source.lines().next().unwrap_or_default().trim_start_matches("//! ");
        cases.push(Case {
            name: path.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
            about: about.to_owned(),
            code: program(&source),
            message: shortened(&message, folder),
        });
    }
    Ok(cases)
}

/// The program without its description and the empty `main`.
fn program(source: &str) -> String {
    let body = source.lines().skip(1).collect::<Vec<_>>().join("\n");
    body.replace("\nfn main() {}", "").trim().to_owned()
}

/// The message with the case's file only, not the folders before it.
fn shortened(message: &str, folder: &Path) -> String {
    let topic = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let prefix = format!("ui/{topic}/");
    let line = |line: &str| match line.trim_start().strip_prefix("--> ") {
        Some(place) => match place.find(&prefix) {
            Some(at) => line.replace(&place[..at + prefix.len()], ""),
            None => line.to_owned(),
        },
        None => line.to_owned(),
    };
    message.lines().map(line).collect::<Vec<_>>().join("\n").trim_end().to_owned()
}

fn page(title: &str, about: &str, cases: &[Case]) -> String {
    let mut page = format!("# {title}\n\n{about}\n");
    for case in cases {
        let heading = case.name.replace('_', " ");
        let _ = write!(
            page,
            "\n## {heading}\n\n{}\n\n```rust\n{}\n```\n\n```text\n{}\n```\n",
            case.about, case.code, case.message
        );
    }
    page
}

/// Every folder of cases has a page.
fn check_topics(root: &Path) -> Result<(), String> {
    for path in files(&root.join("tests/ui"))? {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let known = name == "pass" || TOPICS.iter().any(|(folder, ..)| *folder == name);
        if path.is_dir() && !known {
            return Err(format!("tests/ui/{name} is no topic of xtask/src/errors.rs"));
        }
    }
    Ok(())
}

fn files(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let entries = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    files.sort();
    Ok(files)
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

fn write(path: &Path, text: &str, check: bool) -> Result<(), String> {
    if check {
        return match fs::read_to_string(path) {
            Ok(there) if there == text => Ok(()),
            _ => Err(format!("{} is out of date: run `cargo x errors`", path.display())),
        };
    }
    fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}
