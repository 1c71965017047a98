//! A fake Ollama on a port of this machine.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use serde_json::json;
use smart_ai_sim::{Config, ConfigError, FakeOllama, StartError, model_flag};

/// A simulated Ollama host. Prints one JSON line (url, `control_url`, pid) when it is ready; SIGTERM or SIGINT stops it.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// TOML or JSON file with all settings
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Port on 127.0.0.1; 0 picks a free one
    #[arg(long)]
    port: Option<u16>,
    /// A model, as `name[:size_gb[:prefill[:decode[:load_s]]]]` (several)
    #[arg(long, value_name = "MODEL")]
    model: Vec<String>,
    /// Memory for models in GB
    #[arg(long, value_name = "GB")]
    memory_gb: Option<f64>,
    /// Requests one model answers at once
    #[arg(long)]
    parallel: Option<u32>,
    /// What /api/version says
    #[arg(long, value_name = "VERSION")]
    ollama_version: Option<String>,
    /// Busy models slow each other
    #[arg(long)]
    share: bool,
    /// Seed of the generated text
    #[arg(long)]
    seed: Option<u64>,
}

impl Arguments {
    fn settings(self) -> Result<Config, ConfigError> {
        let mut config = self.config.as_deref().map_or_else(|| Ok(Config::default()), Config::from_file)?;
        for model in &self.model {
            config.models.push(model_flag(model)?);
        }
        config.port = self.port.unwrap_or(config.port);
        config.memory_gb = self.memory_gb.or(config.memory_gb);
        config.parallel = self.parallel.unwrap_or(config.parallel);
        config.version = self.ollama_version.unwrap_or(config.version);
        config.share |= self.share;
        config.seed = self.seed.unwrap_or(config.seed);
        Ok(config)
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let code = if matches!(error, StartError::Config(_)) { 2 } else { 1 };
            // Without a place to write to, the exit code has to say it.
            let _unseen = writeln!(std::io::stderr(), "fake-ollama: {error}");
            ExitCode::from(code)
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), StartError> {
    let failed = |source| StartError::Port { port: 0, source };
    // Before the ready line: whoever reads it may end us at once.
    let stopped = stop_signal().map_err(failed)?;
    let host = FakeOllama::start(arguments.settings()?).await?;
    let ready = json!({ "url": host.url(), "control_url": host.control_url(), "pid": std::process::id() });
    // A reader that closed its end does not keep the host from serving.
    let _unread = writeln!(std::io::stdout(), "{ready}");
    stopped.await;
    host.stop().await;
    Ok(())
}

/// Resolves at SIGTERM or SIGINT. It is listened for from this call on.
#[cfg(unix)]
fn stop_signal() -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};

    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// Resolves at Ctrl+C or Ctrl+Break. It is listened for from this call on.
#[cfg(windows)]
fn stop_signal() -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::windows::{ctrl_break, ctrl_c};

    let mut end = ctrl_break()?;
    let mut interrupt = ctrl_c()?;
    Ok(async move {
        tokio::select! {
            _ = end.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
