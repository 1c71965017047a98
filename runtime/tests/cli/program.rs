//! The program, run as a user runs it.

use std::path::PathBuf;
use std::process::{Output, Stdio};

use serde_json::Value;
use smart_ai_sim::{Config, FakeOllama, ModelConfig};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

pub(crate) type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

/// Nothing listens there.
pub(crate) const NOWHERE: &str = "http://127.0.0.1:9";

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    pub(crate) fn of(output: Output) -> Result<Self> {
        let Output { status, stdout, stderr } = output;
        Ok(Self { code: status.code(), out: String::from_utf8(stdout)?, err: String::from_utf8(stderr)? })
    }

    /// Its output as one JSON value.
    pub(crate) fn json(&self) -> Result<Value> {
        Ok(serde_json::from_str(&self.out).map_err(|error| format!("{error}: {self:?}"))?)
    }
}

/// The program in an empty folder, without settings from outside; killed when the test ends.
pub(crate) fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_smart-ai"));
    for name in ["SMART_AI_HOSTS", "SMART_AI_PROMETHEUS", "SMART_AI_CONFIG", "SMART_AI_HISTORY"] {
        command.env_remove(name);
    }
    command.args(arguments).current_dir(env!("CARGO_TARGET_TMPDIR")).kill_on_drop(true);
    command
}

pub(crate) async fn run(arguments: &[&str]) -> Result<Ran> {
    Ran::of(program(arguments).stdin(Stdio::null()).output().await?)
}

pub(crate) async fn run_with(input: &[u8], arguments: &[&str]) -> Result<Ran> {
    let piped =
        program(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = piped?;
    let mut stdin = child.stdin.take().ok_or("no stdin")?;
    stdin.write_all(input).await?;
    drop(stdin);
    Ran::of(child.wait_with_output().await?)
}

/// A file of this text, named for its test.
pub(crate) fn file(name: &str, text: &str) -> Result<String> {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{}-{name}", std::process::id()));
    std::fs::write(&path, text)?;
    Ok(path.to_string_lossy().into_owned())
}

/// A host whose only model, `m`, answers at once.
pub(crate) async fn host() -> Result<FakeOllama> {
    host_of(ModelConfig::named("m")).await
}

pub(crate) async fn host_of(model: ModelConfig) -> Result<FakeOllama> {
    Ok(FakeOllama::start(Config { models: vec![model], ..Config::default() }).await?)
}

/// A host whose model writes for minutes.
pub(crate) async fn slow_host() -> Result<FakeOllama> {
    host_of(ModelConfig { decode_tok_per_s: 10.0, output_tokens: Some(3_000), ..ModelConfig::named("m") })
        .await
}

/// The keys of an object, sorted.
pub(crate) fn keys(value: &Value) -> Vec<&str> {
    let mut keys: Vec<&str> =
        value.as_object().into_iter().flat_map(|map| map.keys().map(String::as_str)).collect();
    keys.sort_unstable();
    keys
}
