//! What can be done, a file for each.

mod bench;
mod doctor;
mod du;
mod explain;
mod graph;
mod ls;
mod manual;
mod purge;
mod stats;
mod tail;

use crate::args::{Arguments, Command};
use crate::exit::{Exit, Problem};
use crate::output::Out;
use crate::session::Session;

pub(crate) async fn run(arguments: Arguments, out: &Out) -> Result<Exit, Problem> {
    let Arguments { shared, command } = arguments;
    let session = async || Session::open(&shared, *out).await;
    match command {
        Command::Stats(given) => stats::run(&session().await?, &given).await,
        Command::Ls(given) => ls::run(&session().await?, &given).await,
        Command::Explain(given) => explain::run(&session().await?, &given).await,
        Command::Purge(given) => purge::run(&session().await?, &given).await,
        Command::Tail(given) => tail::run(&session().await?, &given).await,
        Command::Du(given) => du::run(&session().await?, &given).await,
        Command::Doctor(given) => doctor::run(&session().await?, &given).await,
        Command::Bench(given) => bench::run(&session().await?, &given).await,
        Command::Graph(given) => graph::run(out, &given),
        Command::Completions { shell } => manual::completions(out, shell),
        Command::Man { out: directory } => manual::pages(out, directory.as_deref()),
    }
}
