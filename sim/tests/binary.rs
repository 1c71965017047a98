//! The program `fake-ollama`: its ready line, its end, and its complaints.
#![expect(clippy::indexing_slicing, reason = "a test may fail by panicking")]

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

/// A running program, killed when the test is over.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ended = self.0.kill();
        let _reaped = self.0.wait();
    }
}

fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fake-ollama"));
    command.args(arguments);
    command
}

fn start(arguments: &[&str]) -> Result<(Running, Value)> {
    let mut child = Running(program(arguments).stdout(Stdio::piped()).spawn()?);
    let mut line = String::new();
    BufReader::new(child.0.stdout.take().ok_or("no stdout")?).read_line(&mut line)?;
    Ok((child, serde_json::from_str(&line)?))
}

fn with_file(name: &str, text: &str) -> Result<Output> {
    let path = std::env::temp_dir().join(format!("fake-ollama-{}-{name}", std::process::id()));
    std::fs::write(&path, text)?;
    let output = program(&["--config", &path.to_string_lossy()]).output();
    std::fs::remove_file(path)?;
    Ok(output?)
}

#[tokio::test]
async fn it_says_where_it_listens_and_ends_on_sigterm() -> Result {
    let (mut child, ready) = start(&["--port", "0", "--model", "phi3:mini:2.3:300:20"])?;
    assert_eq!(ready["pid"], child.0.id());
    let url = ready["url"].as_str().unwrap_or_default();
    let tags: Value = reqwest::get(format!("{url}/api/tags")).await?.json().await?;
    assert_eq!(tags["models"][0]["name"], "phi3:mini");
    let control = ready["control_url"].as_str().unwrap_or_default();
    assert!(reqwest::get(format!("{control}/control/stats")).await?.status().is_success());
    let kill = Command::new("kill").arg(child.0.id().to_string()).status()?;
    assert!(kill.success() && child.0.wait()?.success());
    Ok(())
}

#[test]
fn a_configuration_with_an_unknown_key_is_refused_with_its_name() -> Result {
    for (name, text) in [
        ("a.toml", "[[models]]\nname = 'a'\nspeed = 2\n"),
        ("a.json", r#"{"models":[{"name":"a","speed":2}]}"#),
    ] {
        let output = with_file(name, text)?;
        let said = String::from_utf8(output.stderr)?;
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains("unknown field `speed`") && said.contains(name), "{said}");
    }
    Ok(())
}

#[test]
fn values_out_of_range_and_missing_files_are_refused() -> Result {
    let output = with_file("b.toml", "memory_gb = -1\n")?;
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr)?.contains("memory_gb: must be a positive number"));
    for arguments in [["--config", "/nonexistent/x.toml"], ["--model", "phi3:mini:two"], ["--nope", "1"]] {
        assert_eq!(program(&arguments).output()?.status.code(), Some(2), "{arguments:?}");
    }
    Ok(())
}

#[test]
fn a_port_in_use_is_exit_code_1() -> Result {
    let taken = std::net::TcpListener::bind("127.0.0.1:0")?;
    let port = taken.local_addr()?.port().to_string();
    let output = program(&["--port", &port]).output()?;
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr)?.contains(&format!("cannot listen on 127.0.0.1:{port}")));
    Ok(())
}
