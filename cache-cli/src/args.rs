//! What can be typed.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

const EXITS: &str = "Exit codes:
  0  all is well
  1  something was found that is not well, or nothing was found that was asked for
  2  it was not asked in the right way
  3  the server cannot be reached, or refuses

Environment:
  CACHE_URL, VALKEY_URL, REDIS_URL  the server: the first that is set
  CACHE_NAMESPACE                   the namespace
  NO_COLOR                          no colours; there are none in a pipe either";

/// Looks at, measures and purges what cache-runtime keeps in Redis.
#[derive(Debug, Parser)]
#[command(name = "cachectl", version, after_help = EXITS, disable_help_subcommand = true)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) shared: Shared,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Args, Debug)]
pub(crate) struct Shared {
    /// The server, or the servers: redis://, rediss://, unix://, redis+cluster://, redis+sentinel://. With a password better
    /// in the environment
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) url: Option<String>,
    /// The prefix of the keys. Without one, those that are on the server are listed
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) namespace: Option<String>,
    /// One JSON document in place of text; `tail`: one in each line
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Who may vouch for the server, in PEM form, in place of the system's certificates
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
    /// The certificate that is shown to the server, in PEM form
    #[arg(long, global = true, value_name = "FILE", requires = "key_file")]
    pub(crate) cert: Option<PathBuf>,
    /// The key of that certificate, in PEM form
    #[arg(long = "cert-key", id = "key_file", global = true, value_name = "FILE", requires = "cert")]
    pub(crate) cert_key: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Keys, memory and hits of the servers, and what this namespace has there
    Stats(Stats),
    /// The keys of entries
    Ls(Ls),
    /// What is under a key, and why a read of it would hit or miss (1: it would miss)
    Explain(Explain),
    /// Invalidates by key, by tag or by pattern; running services are told
    Purge(Purge),
    /// Invalidations as they happen
    Tail(Tail),
    /// Keys and bytes by template
    Du(Du),
    /// What is not well with the servers or the entries, and what to do
    Doctor(Doctor),
    /// Checks or draws the graph of invalidation that a program has written with `graph().to_json()`
    Graph(Graph),
    /// How fast this server is for this machine: GET, SET, and a hit of the cache
    Bench(Bench),
    /// What a shell needs to complete what is typed
    Completions {
        /// Which shell
        shell: Shell,
    },
    /// The manual, for `man -l -`
    Man {
        /// Writes a page for each subcommand into this directory, in place of one to the output
        #[arg(long, value_name = "DIRECTORY")]
        out: Option<PathBuf>,
    },
}

#[derive(Args, Debug)]
pub(crate) struct Stats {
    /// Only what the servers say: does not walk over the keys
    #[arg(long)]
    pub(crate) quick: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Ls {
    /// A Redis glob
    #[arg(long = "match", value_name = "GLOB", default_value = "*")]
    pub(crate) pattern: String,
    /// How many at most
    #[arg(long, value_name = "COUNT", default_value_t = 100)]
    pub(crate) limit: usize,
    /// With their size and what they have left to live
    #[arg(short, long)]
    pub(crate) long: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Explain {
    /// The key, without namespace: `user:7`
    pub(crate) key: String,
    /// A tag that the entry carries, in the order in which they are declared; with none given they are looked for
    #[arg(long = "tag", value_name = "TAG")]
    pub(crate) tags: Vec<String>,
    /// The functions of the program, as `graph().to_json()` writes them: to know tags by the key
    #[arg(long, value_name = "FILE")]
    pub(crate) graph: Option<PathBuf>,
    /// Does not look for tags that are not known: that walks over the keys of the server
    #[arg(long)]
    pub(crate) quick: bool,
}

#[derive(Args, Debug)]
#[group(required = true, multiple = true, id = "what")]
pub(crate) struct Purge {
    /// The entry of a key; can be given several times
    #[arg(long = "key", value_name = "KEY", group = "what")]
    pub(crate) keys: Vec<String>,
    /// All that carries a tag; can be given several times
    #[arg(long = "tag", value_name = "TAG", group = "what")]
    pub(crate) tags: Vec<String>,
    /// All whose keys match a Redis glob
    #[arg(long = "match", value_name = "GLOB", group = "what")]
    pub(crate) pattern: Option<String>,
    /// Says what would go, and lets it stay
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Does not ask. Nor is asked where there is no terminal
    #[arg(short, long)]
    pub(crate) yes: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Tail {
    /// Ends after so many
    #[arg(long, value_name = "COUNT")]
    pub(crate) limit: Option<u64>,
    /// Does not walk over the keys for their names: what is heard are hashes
    #[arg(long)]
    pub(crate) quick: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Du {
    /// A Redis glob
    #[arg(long = "match", value_name = "GLOB", default_value = "*")]
    pub(crate) pattern: String,
    /// Measures every key
    #[arg(long, conflicts_with = "sample")]
    pub(crate) full: bool,
    /// Measures the first 100 keys of each template, and then so many in a hundred; all are counted
    #[arg(long, value_name = "PERCENT", default_value_t = 10, value_parser = clap::value_parser!(u8).range(1..=100))]
    pub(crate) sample: u8,
    /// Takes the templates from this file, as `graph().to_json()` writes it, in place of guessing them
    #[arg(long, value_name = "FILE")]
    pub(crate) graph: Option<PathBuf>,
    /// How many templates are shown at most, the largest first; in JSON all are
    #[arg(long, value_name = "COUNT", default_value_t = 40)]
    pub(crate) top: usize,
}

#[derive(Args, Debug)]
pub(crate) struct Doctor {
    /// Only what the servers say: does not walk over the keys
    #[arg(long)]
    pub(crate) quick: bool,
    /// An entry of more bytes is too large
    #[arg(long, value_name = "BYTES", default_value_t = 1 << 20)]
    pub(crate) large: u64,
    /// A server that takes longer to answer is slow, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 5)]
    pub(crate) slow: u64,
    /// Also stores, reads and removes an entry of its own, to see whether this user may
    #[arg(long)]
    pub(crate) probe: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Graph {
    /// Where it was written; `-`: standard input
    pub(crate) file: PathBuf,
    /// Draws it, in place of checking it
    #[arg(long)]
    pub(crate) format: Option<Format>,
    /// The id of a finding that is meant so
    #[arg(long = "allow", value_name = "ID")]
    pub(crate) allowed: Vec<String>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Format {
    /// For Markdown, on GitHub and GitLab
    Mermaid,
    /// For Graphviz
    Dot,
    /// As it was read
    Json,
}

#[derive(Args, Debug)]
pub(crate) struct Bench {
    /// How long it takes in all, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 9, value_parser = clap::value_parser!(u64).range(1..=600))]
    pub(crate) seconds: u64,
    /// How large the value is, in bytes
    #[arg(long, value_name = "BYTES", default_value_t = 256)]
    pub(crate) bytes: usize,
}
