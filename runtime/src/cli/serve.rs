//! `smart-ai serve`: metrics and proxy until a signal ends it.

use std::io::{self, IsTerminal as _, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use serde_json::json;

use super::stop::{Hangup, StopSignals};
use super::{DONE, FAILED, MISUSED, complain, print_json};
use crate::config::Settings;
use crate::serve::{Access, Manage, Secret, ServeError, ServeOptions, Serving, serve};

#[derive(Args, Debug)]
pub(super) struct ServeArgs {
    /// Where Prometheus finds /metrics; port 0 picks one and prints it
    #[arg(long, value_name = "ADDR", env = "SMART_AI_METRICS", default_value = "127.0.0.1:9435")]
    metrics: SocketAddr,
    /// Where clients find the proxy, as they would find Ollama; port 0 picks one and prints it
    #[arg(long, value_name = "ADDR", env = "SMART_AI_PROXY", default_value = "127.0.0.1:11435")]
    proxy: SocketAddr,
    /// Listen where other machines reach it; the proxy then wants a key (--key-file) or --no-key
    #[arg(long, env = "SMART_AI_ALLOW_REMOTE")]
    allow_remote: bool,
    /// How large one request may be; files sent for a new model are not counted
    #[arg(long, value_name = "MIB", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=4096))]
    max_body: u32,
    /// How much all requests under way may hold; more are refused with 503
    #[arg(long, value_name = "MIB", default_value_t = 512, value_parser = clap::value_parser!(u32).range(1..=1_048_576))]
    max_bodies: u32,
    #[command(flatten)]
    access: AccessArgs,
    /// Connections each listener has at a time; more wait
    #[arg(long, value_name = "N", default_value_t = 4_096, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    max_connections: u32,
    /// Between two looks at each host
    #[arg(long, value_name = "SECONDS", default_value_t = 5.0, value_parser = seconds)]
    poll: f64,
    /// How long requests under way may take to end after SIGTERM or Ctrl+C
    #[arg(long, value_name = "SECONDS", default_value_t = 30.0, value_parser = seconds)]
    drain: f64,
    /// Be ready (/smart-ai/ready) only while no other sidecar with this flag, the same history on a server and the same hosts is
    #[arg(long, env = "SMART_AI_STANDBY")]
    standby: bool,
    /// Say where it listens as one JSON line
    #[arg(long)]
    json: bool,
}

/// Who gets in.
#[derive(Args, Debug)]
struct AccessArgs {
    /// Ask every client for a key of this file, one a line; if the file does not exist, it is made with a new key [also read: `SMART_AI_KEY`, one key]
    #[arg(long, value_name = "FILE", env = "SMART_AI_KEY_FILE", hide_env_values = true)]
    key_file: Option<PathBuf>,
    /// Let other machines use the proxy without a key
    #[arg(long, env = "SMART_AI_NO_KEY")]
    no_key: bool,
    /// Ask for the key at /metrics, too
    #[arg(long, env = "SMART_AI_METRICS_KEY")]
    metrics_key: bool,
    /// Who may pull, push, create, copy and delete models: programs of this machine, everybody who gets in, or nobody
    #[arg(
        long,
        value_name = "WHO",
        env = "SMART_AI_MANAGE",
        hide_env_values = true,
        default_value = "local"
    )]
    manage: Manage,
    /// A name this server is called by, besides local names and addresses; give it several times for several names
    #[arg(long, value_name = "NAME", env = "SMART_AI_NAMES", hide_env_values = true, value_delimiter = ',')]
    name: Vec<String>,
    /// The origin (scheme and name) of a web page that may use it; several times for several [also read: `OLLAMA_ORIGINS`]
    #[arg(
        long,
        value_name = "ORIGIN",
        env = "SMART_AI_ORIGINS",
        hide_env_values = true,
        value_delimiter = ','
    )]
    origin: Vec<String>,
}

impl AccessArgs {
    fn access(&self) -> Access {
        let set = |name| {
            std::env::var(name).ok().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
        };
        let ollama = set("OLLAMA_ORIGINS").unwrap_or_default();
        let ollama = ollama.split(',').filter(|origin| !origin.is_empty()).map(str::to_owned);
        Access {
            keys: set("SMART_AI_KEY").map(Secret::from).into_iter().collect(),
            key_file: self.key_file.clone(),
            no_key: self.no_key,
            metrics_key: self.metrics_key,
            manage: self.manage,
            names: self.name.clone(),
            origins: self.origin.iter().cloned().chain(ollama).collect(),
        }
    }
}

/// How many of the files that the system lets this program open there must be for each connection of one listener: there are two
/// listeners, and each request may need a connection to a host.
const FILES_PER_CONNECTION: u64 = 4;

/// The connections that were asked for, or fewer if the system has no room for them. Raises the limit of open files as far as it may.
fn connections(asked: u32) -> u32 {
    let files = rlimit::increase_nofile_limit(u64::MAX).unwrap_or(u64::MAX);
    let room = u32::try_from(files / FILES_PER_CONNECTION).unwrap_or(u32::MAX).max(1);
    if room < asked {
        let words = format!(
            "--max-connections is {room} instead of {asked}: the system lets this program open {files} files; raise its limit (ulimit -n, LimitNOFILE)"
        );
        complain(&words, DONE);
    }
    asked.min(room)
}

fn seconds(text: &str) -> Result<f64, String> {
    let seconds: f64 = text.parse().map_err(|_| "is no number".to_owned())?;
    if (0.1..=86_400.0).contains(&seconds) { Ok(seconds) } else { Err("must be 0.1 to 86400".to_owned()) }
}

pub(super) fn run(settings: Settings, arguments: &ServeArgs) -> io::Result<u8> {
    give_memory_back();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let code = runtime.block_on(until_signal(settings, arguments));
    runtime.shutdown_background();
    code
}

/// Has the C library give large pieces of memory back as soon as they are free. By itself it keeps those of up to 32 MiB, once it has
/// seen one: a single large request would stay in memory for ever.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn give_memory_back() {
    const LARGE: libc::c_int = 256 << 10;
    #[expect(unsafe_code, reason = "a setting of the C library, which has no safe form")]
    // SAFETY: takes two numbers, touches no memory of ours, and is called before any other thread runs.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE);
    }
}

/// Other systems give large pieces back by themselves.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn give_memory_back() {}

async fn until_signal(settings: Settings, arguments: &ServeArgs) -> io::Result<u8> {
    // Before anything listens: whoever reads where may end us at once.
    let mut signals = StopSignals::listen()?;
    let mut hangup = Hangup::listen()?;
    let options = ServeOptions {
        metrics: arguments.metrics,
        proxy: arguments.proxy,
        allow_remote: arguments.allow_remote,
        max_body: (arguments.max_body as usize) << 20,
        max_bodies: (arguments.max_bodies as usize) << 20,
        access: arguments.access.access(),
        max_connections: connections(arguments.max_connections) as usize,
        poll: Duration::from_secs_f64(arguments.poll),
        drain: Duration::from_secs_f64(arguments.drain),
        history: settings.history,
        traces: settings.traces,
        standby: arguments.standby,
    };
    let serving = match serve(&settings.fleet, &options).await {
        Ok(serving) => serving,
        Err(error @ ServeError::Address { .. }) => return Ok(complain(&error.to_string(), FAILED)),
        Err(error) => return Ok(complain(&error.to_string(), MISUSED)),
    };
    let (metrics, proxy) = (serving.metrics, serving.proxy);
    if arguments.json {
        let urls = json!({
            "metrics": format!("http://{metrics}/metrics"),
            "proxy": format!("http://{proxy}"),
            "pid": std::process::id(),
        });
        print_json(&urls)?;
    } else {
        writeln!(io::stdout(), "metrics: http://{metrics}/metrics\nproxy:   http://{proxy}")?;
    }
    tokio::select! {
        () = signals.next() => {}
        () = hung_up(&mut hangup, &serving) => {}
    }
    let drained = serving.stop();
    tokio::select! {
        drained = drained => Ok(if drained { DONE } else { complain("requests were cut: they took longer than --drain", FAILED) }),
        // A second signal: at once.
        () = signals.next() => Ok(FAILED),
    }
}

/// SIGHUP: the terminal it was started in has closed, which ends it; without a terminal, its keys are read anew.
async fn hung_up(hangup: &mut Hangup, serving: &Serving) {
    loop {
        hangup.next().await;
        if io::stdin().is_terminal() {
            return;
        }
        if let Err(error) = serving.read_keys() {
            complain(&error.to_string(), FAILED);
        }
    }
}
