//! Programs that start and stop a host, as its owner names them: a list of arguments that no shell reads.

use std::process::Stdio;

use async_trait::async_trait;
use smart_ai_core::Failure;
use tokio::io::AsyncReadExt as _;
use tokio::process::ChildStderr;

use super::{Power, failed, refused};

/// Letters of a program's last words that are told.
const TOLD: usize = 200;
/// Bytes of its words that are kept.
const TAIL: usize = 2_048;

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
        let child = command.stderr(Stdio::piped()).kill_on_drop(true).spawn();
        let cannot = |error: std::io::Error| failed(format!("{} does not run: {error}", self.program));
        let mut child = child.map_err(cannot)?;
        let mut words = child.stderr.take();
        let mut tail: Vec<u8> = Vec::new();
        // What it leaves running in the background may hold its output open: only its own end counts.
        let status = loop {
            tokio::select! {
                biased;
                more = read(&mut words, &mut tail), if words.is_some() => {
                    if !more {
                        words = None;
                    }
                }
                ended = child.wait() => break ended.map_err(cannot)?,
            }
        };
        if status.success() {
            return Ok(());
        }
        let words = String::from_utf8_lossy(&tail);
        let last = words.trim().lines().next_back().unwrap_or_default();
        let last: String = last.chars().take(TOLD).collect();
        Err(failed(format!("{} ended with {status}: {last}", self.program)))
    }
}

/// Reads on, and keeps the end. Returns whether there may be more.
async fn read(words: &mut Option<ChildStderr>, tail: &mut Vec<u8>) -> bool {
    let (Some(words), mut chunk) = (words, [0; 1_024]) else { return false };
    match words.read(&mut chunk).await {
        Ok(count) if count > 0 => {
            tail.extend(chunk.iter().take(count));
            let old = tail.len().saturating_sub(TAIL);
            tail.drain(..old);
            true
        }
        Ok(_) | Err(_) => false,
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
    async fn what_a_program_leaves_running_is_not_waited_for() {
        let Some(command) = command(&["sh", "-c", "sleep 30 & echo $! >&2; exit 1"]) else { return };
        let ended = super::super::within(std::time::Duration::from_secs(20), command.run()).await;
        let detail = ended.err().map(|failure| failure.detail).unwrap_or_default();
        let left = detail.rsplit(' ').next().unwrap_or_default().to_owned();
        assert!(left.parse::<u32>().is_ok(), "{detail}");
        drop(std::process::Command::new("kill").arg(left).status());
    }

    #[tokio::test]
    async fn a_program_that_takes_too_long_is_ended() {
        let Some(command) = command(&["sleep", "600"]) else { return };
        let ended = super::super::within(std::time::Duration::from_millis(50), command.run()).await;
        assert!(ended.is_err_and(|failure| failure.detail.contains("in time")));
    }
}
