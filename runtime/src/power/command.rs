//! Programs that start and stop a host, as its owner names them: a list of arguments that no shell reads.

use std::process::Stdio;

use async_trait::async_trait;
use smart_ai_core::Failure;

use super::{Power, failed, refused};

/// Bytes of a program's last words that are told.
const TOLD: usize = 200;

/// One program with its arguments.
#[derive(Clone, Debug)]
pub(super) struct Command {
    program: String,
    arguments: Vec<String>,
}

impl Command {
    pub(super) fn of(list: &[String]) -> Option<Self> {
        let (program, arguments) = list.split_first()?;
        Some(Self { program: program.clone(), arguments: arguments.to_vec() })
    }

    /// Runs it to its end; it is ended when nobody waits for it any more.
    pub(super) async fn run(&self) -> Result<(), Failure> {
        let mut command = tokio::process::Command::new(&self.program);
        let command = command.args(&self.arguments).stdin(Stdio::null()).stdout(Stdio::null());
        let ended = command.stderr(Stdio::piped()).kill_on_drop(true).output().await;
        let ended = ended.map_err(|error| failed(format!("{} does not run: {error}", self.program)))?;
        if ended.status.success() {
            return Ok(());
        }
        let words = String::from_utf8_lossy(&ended.stderr);
        let last = words.trim().lines().next_back().unwrap_or_default();
        let last: String = last.chars().take(TOLD).collect();
        Err(failed(format!("{} ended with {}: {last}", self.program, ended.status)))
    }
}

/// A program to start a host, and one to stop it.
#[derive(Debug)]
pub(super) struct Commands {
    pub(super) start: Command,
    pub(super) stop: Option<Command>,
}

#[async_trait]
impl Power for Commands {
    async fn start(&self) -> Result<(), Failure> {
        self.start.run().await
    }

    async fn stop(&self) -> Result<(), Failure> {
        stop(self.stop.as_ref()).await
    }
}

/// Runs what stops a host, where its owner named that.
pub(super) async fn stop(command: Option<&Command>) -> Result<(), Failure> {
    match command {
        Some(command) => command.run().await,
        None => Err(refused("no stop_command is configured for this host")),
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn command(list: &[&str]) -> Option<Command> {
        Command::of(&list.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>())
    }

    #[tokio::test]
    async fn a_program_gets_its_arguments_as_they_are_and_its_last_words_are_told() {
        let run = async |list: &[&str]| match command(list) {
            Some(command) => command.run().await.map_err(|failure| failure.detail),
            None => Err(String::new()),
        };
        assert_eq!(run(&["test", "a b;$(exit 1)", "=", "a b;$(exit 1)"]).await, Ok(()));
        let said = run(&["sh", "-c", "echo first >&2; echo no such host >&2; exit 3"]).await;
        assert_eq!(said, Err("sh ended with exit status: 3: no such host".to_owned()));
        assert!(
            run(&["/no/such/program"])
                .await
                .is_err_and(|said| said.starts_with("/no/such/program does not run"))
        );
    }

    #[tokio::test]
    async fn a_program_that_takes_too_long_is_ended() {
        let Some(command) = command(&["sleep", "600"]) else { return };
        let ended = super::super::within(std::time::Duration::from_millis(50), command.run()).await;
        assert!(ended.is_err_and(|failure| failure.detail.contains("in time")));
    }
}
