//! Another process, which really dies: this test program once more, with one of its tests as what runs there.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

/// Killed when it is dropped: `SIGKILL`, so that nothing of it runs any more.
pub(crate) struct Process(Child);

impl Process {
    /// Runs the test of this name, which does its work if the environment asks for it, and returns what it prints behind
    /// `word` when it has.
    pub(crate) fn start(test: &str, word: &str, environment: &[(&str, &str)]) -> (Self, String) {
        let child = Command::new(std::env::current_exe().expect("it runs"))
            .args(["--exact", test, "--nocapture"])
            .envs(environment.iter().copied())
            .stdout(Stdio::piped())
            .spawn()
            .expect("what runs can be run again");
        let mut process = Self(child);
        let output = BufReader::new(process.0.stdout.take().expect("it is piped"));
        let mut lines = output.lines().map_while(Result::ok);
        let told = lines.find_map(|line| Some(line.split_once(word)?.1.trim().to_owned()));
        (process, told.expect("it does its work, and waits"))
    }

    pub(crate) fn kill(self) {
        drop(self);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
