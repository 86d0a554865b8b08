//! `completions` and `man`: what shells and `man` need, made from what can be typed.

use std::path::Path;

use clap::CommandFactory;
use clap_complete::Shell;

use crate::args::Arguments;
use crate::exit::{Exit, Problem};
use crate::output::Out;

pub(crate) fn completions(out: &Out, shell: Shell) -> Result<Exit, Problem> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "cachectl", &mut text);
    out.raw(&text)?;
    Ok(Exit::Fine)
}

pub(crate) fn pages(out: &Out, directory: Option<&Path>) -> Result<Exit, Problem> {
    match directory {
        Some(directory) => {
            std::fs::create_dir_all(directory)?;
            clap_mangen::generate_to(Arguments::command(), directory)?;
        }
        None => {
            let mut text = Vec::new();
            clap_mangen::Man::new(Arguments::command()).render(&mut text)?;
            out.raw(&text)?;
        }
    }
    Ok(Exit::Fine)
}
