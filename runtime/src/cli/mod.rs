//! The command line. Exit codes: 0 done, 1 the thing asked for failed, 2 wrong usage or configuration.

mod actions;
mod ask;
mod batch;
mod bench;
mod cells;
mod decide;
mod history;
mod lifecycle;
mod models;
mod rate;
mod report;
mod seen;
mod serve;
mod simulate;
mod stop;
mod verify;

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use smart_ai_core::wire::FleetConfig;
use smart_ai_core::{ConfigError, LifecycleMode};

use crate::config::{Settings, Sources, load};
use crate::driver::Engine;
use crate::screen;
use crate::store::{History, HistoryError};
use crate::traces::Traces;

const DONE: u8 = 0;
const FAILED: u8 = 1;
const MISUSED: u8 = 2;
/// The exit code that shells report for a program that SIGINT ended.
const INTERRUPTED: u8 = 130;
/// The exit code after SIGTERM, if a wait for input was cut short.
const TERMINATED: u8 = 143;
/// How long it may take to print what has been answered, once the program ends.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// How long the program waits at its end for loads that jobs have left: cut short, the model would be cold for the next ask.
const LOADS_MOST: Duration = Duration::from_secs(30);

/// Picks the right local model on the right host for each request, and makes the call succeed.
#[derive(Debug, Parser)]
#[command(
    name = "smart-ai",
    version,
    about,
    after_help = "Exit codes: 0 done, 1 failed, 2 wrong usage or configuration."
)]
struct Cli {
    #[command(flatten)]
    fleet: FleetArgs,
    #[command(subcommand)]
    command: Command,
}

#[derive(Args, Debug)]
struct FleetArgs {
    /// An Ollama server, as URL or NAME=URL, several times for several hosts; `,instance=`, `,parallel=` and `,memory_gb=` may follow
    #[arg(
        long,
        value_name = "URL",
        env = "SMART_AI_HOSTS",
        hide_env_values = true,
        value_delimiter = ',',
        global = true
    )]
    host: Vec<String>,
    /// The Prometheus server that scrapes the hosts
    #[arg(long, value_name = "URL", env = "SMART_AI_PROMETHEUS", hide_env_values = true, global = true)]
    prometheus: Option<String>,
    /// Configuration file [default: smart-ai.toml here, if there is one]
    #[arg(long, value_name = "FILE", env = "SMART_AI_CONFIG", global = true)]
    config: Option<PathBuf>,
    /// Where decisions and outcomes are kept: a file, postgres://…, default (a file in your data folder) or off
    #[arg(long, value_name = "WHERE", env = "SMART_AI_HISTORY", hide_env_values = true, global = true)]
    history: Option<String>,
    /// An OTLP collector that traces are sent to, by URL (its port is mostly 4318), or off
    #[arg(long, value_name = "URL", env = "SMART_AI_TRACES", hide_env_values = true, global = true)]
    traces: Option<String>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Answer a prompt, streamed; or many, one JSON line each
    Ask(ask::AskArgs),
    /// Say which model on which host would answer, and why, without calling it
    Decide(decide::DecideArgs),
    /// List every model on every host
    Models {
        /// One JSON object instead of a table
        #[arg(long)]
        json: bool,
    },
    /// Show past jobs, newest first, from the history; needs no host
    History(history::HistoryArgs),
    /// Show which models come and go by themselves, as a running `smart-ai serve` sees it; or do what is due
    Lifecycle(lifecycle::LifecycleArgs),
    /// Say how good the answer to a job of the history was; later choices heed it
    Rate(rate::RateArgs),
    /// Measure how fast each model on each host loads, reads and writes; unloads them for it
    Bench(bench::BenchArgs),
    /// Draw what past jobs show as one HTML page; needs no host
    Report(report::ReportArgs),
    /// Compare policies on a scenario in virtual time; needs no host
    Simulate(simulate::SimulateArgs),
    /// Serve metrics for Prometheus, and a proxy that measures and dispatches every client's requests
    Serve(serve::ServeArgs),
    /// Check hosts, models and metrics, and say what each missing piece costs
    Verify {
        /// One JSON object instead of lines
        #[arg(long)]
        json: bool,
    },
}

/// Runs the program with these arguments, the program's name first, and returns its exit code.
pub fn run(arguments: impl IntoIterator<Item = impl Into<OsString> + Clone>) -> u8 {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            let code = if error.use_stderr() { MISUSED } else { DONE };
            drop(error.print());
            return code;
        }
    };
    if let Command::Simulate(arguments) = &cli.command {
        return ended(simulate::run(arguments));
    }
    let sources = Sources {
        file: cli.fleet.config,
        hosts: cli.fleet.host,
        prometheus: cli.fleet.prometheus,
        history: cli.fleet.history,
        traces: cli.fleet.traces,
    };
    let settings = match load(&sources) {
        Ok(settings) => settings,
        Err(error) => return complain(&error.to_string(), MISUSED),
    };
    if let Command::Serve(arguments) = &cli.command {
        return ended(serve::run(settings, arguments));
    }
    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => {
            let code = runtime.block_on(async {
                let history = match kept(&cli.command, &settings).await {
                    Ok(history) => history,
                    Err(error) => return complain(&error.to_string(), MISUSED),
                };
                let traces = match traced(&cli.command, &settings) {
                    Ok(traces) => traces,
                    Err(error) => return complain(&error.to_string(), MISUSED),
                };
                let code = tokio::select! {
                    code = execute(cli.command, &settings, history.as_ref(), traces.as_ref()) => code,
                    interrupted = tokio::signal::ctrl_c() => if interrupted.is_ok() { INTERRUPTED } else { FAILED },
                };
                if let Some(history) = history {
                    history.close().await;
                }
                if let Some(traces) = traces {
                    traces.close().await;
                }
                code
            });
            // Closes every connection, but does not wait for a read of stdin that may never end.
            runtime.shutdown_background();
            code
        }
        Err(error) => complain(&format!("cannot start: {error}"), FAILED),
    }
}

/// The history of a command; only one that asks models has any.
async fn kept(command: &Command, settings: &Settings) -> Result<Option<History>, HistoryError> {
    let config = settings.history.as_ref().filter(|_| matches!(command, Command::Ask(_)));
    match config {
        Some(config) => History::open(config).await,
        None => Ok(None),
    }
}

/// The traces of a command; only one that asks models has any.
fn traced(command: &Command, settings: &Settings) -> Result<Option<Traces>, ConfigError> {
    let config = settings.traces.as_ref().filter(|_| matches!(command, Command::Ask(_)));
    Ok(config.map(Traces::open).transpose()?.flatten())
}

async fn execute(
    command: Command,
    settings: &Settings,
    history: Option<&History>,
    traces: Option<&Traces>,
) -> u8 {
    let kept = || settings.history.clone().unwrap_or_default();
    if let Command::History(arguments) = &command {
        return ended(history::run(&kept(), arguments).await);
    }
    if let Command::Rate(arguments) = &command {
        return ended(rate::run(&kept(), arguments).await);
    }
    if let Command::Lifecycle(arguments) = &command {
        return ended(lifecycle::run(arguments).await);
    }
    if let Command::Report(arguments) = &command {
        return ended(report::run(&kept(), arguments).await);
    }
    // Only what runs for long manages what is in memory.
    let mut config = settings.fleet.clone();
    config.config.lifecycle.mode = LifecycleMode::Off;
    let config = &config;
    let watching = traces.map(Traces::observer).into_iter().collect();
    let engine = match History::engine(history, config, watching) {
        Ok(engine) => engine,
        Err(error) => return complain(&error.to_string(), MISUSED),
    };
    let work = async {
        let done = carry_out(command, &engine, config).await?;
        finish_loads(&engine).await?;
        Ok(done)
    };
    tokio::pin!(work);
    let done = tokio::select! {
        done = &mut work => Some(done),
        // Answers under way are finished, nothing new begins.
        () = stop::terminated() => {
            engine.drain().await;
            // What has ended is printed; what only waits for input is not waited for.
            tokio::time::timeout(LAST_WORDS, work).await.ok()
        }
    };
    engine.close();
    done.map_or(TERMINATED, ended)
}

/// A load whose job went elsewhere is waited for, a while: cut short, the model would be as cold for the next ask.
async fn finish_loads(engine: &Engine) -> io::Result<()> {
    let arms = engine.loading().await;
    for arm in &arms {
        let most = LOADS_MOST.as_secs();
        writeln!(
            screen::err(),
            "smart-ai: {} on {} is still loading, which is waited for up to {most} s; Ctrl+C ends it",
            arm.model,
            arm.host
        )?;
    }
    if !arms.is_empty() {
        // What is not loaded by then is given up.
        drop(tokio::time::timeout(LOADS_MOST, engine.loaded()).await);
    }
    Ok(())
}

async fn carry_out(command: Command, engine: &Engine, config: &FleetConfig) -> io::Result<u8> {
    match command {
        Command::Ask(arguments) => ask::run(engine, arguments).await,
        Command::Decide(arguments) => decide::run(engine, arguments).await,
        Command::Models { json } => models::run(engine, json).await,
        Command::Bench(arguments) => bench::run(engine, config, arguments).await,
        Command::Verify { json } => verify::run(engine, config, json).await,
        // They need no engine, or have a runtime of their own: they have run.
        Command::History(_)
        | Command::Lifecycle(_)
        | Command::Rate(_)
        | Command::Report(_)
        | Command::Simulate(_)
        | Command::Serve(_) => Ok(DONE),
    }
}

/// The exit code of a command that has run.
fn ended(done: io::Result<u8>) -> u8 {
    match done {
        Ok(code) => code,
        // The reader of our output went away: nothing is left to say.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => DONE,
        Err(error) => complain(&error.to_string(), FAILED),
    }
}

/// Says on stderr what went wrong.
fn complain(message: &str, code: u8) -> u8 {
    drop(writeln!(screen::err(), "smart-ai: {message}"));
    code
}

/// One JSON value on a line of stdout.
fn print_json(value: &impl serde::Serialize) -> io::Result<()> {
    writeln!(screen::out(), "{}", serde_json::to_string(value)?)
}

/// The prompt given, or what stdin holds where it is `-` or absent.
async fn prompt_of(argument: Option<String>) -> io::Result<String> {
    match argument {
        Some(prompt) if prompt != "-" => Ok(prompt),
        Some(_) | None => {
            let mut text = String::new();
            tokio::io::AsyncReadExt::read_to_string(&mut tokio::io::stdin(), &mut text).await?;
            Ok(text)
        }
    }
}
