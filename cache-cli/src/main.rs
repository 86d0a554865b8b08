//! `cachectl`: looks at, measures and purges what `cache-runtime` keeps in Redis, without a service of it running.
//!
//! ```text
//! main: args                       what was typed
//!   commands/                      one file for each
//!     session: exit                the cache that is meant | how it ends
//!     walk: progress clock         all keys of a namespace, without getting in anybody's way
//!     guess  output                templates from keys | text, tables, JSON
//! secret                           no password in the process title, nor in a message
//! ```

mod args;
mod clock;
mod commands;
mod exit;
mod guess;
mod output;
mod progress;
mod secret;
mod session;
mod walk;

use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;

use args::Arguments;
use exit::{Exit, Problem};
use output::Out;

fn main() -> ExitCode {
    secret::leave_the_command_line();
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        // Help is no mistake.
        Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => error.exit(),
        Err(error) => {
            anstream::eprint!("{}", secret::redacted(&error.render().ansi().to_string()));
            return Exit::Usage.into();
        }
    };
    let out = Out::new(arguments.shared.json);
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return out.failed(&Problem::new(Exit::Unreachable, error.to_string())),
    };
    match runtime.block_on(commands::run(arguments, &out)) {
        Ok(exit) => exit.into(),
        Err(problem) => out.failed(&problem),
    }
}
