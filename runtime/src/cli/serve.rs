//! `smart-ai serve`: metrics and proxy until a signal ends it.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::time::Duration;

use clap::Args;
use serde_json::json;

use super::stop::StopSignals;
use super::{DONE, FAILED, MISUSED, complain, print_json};
use crate::config::Settings;
use crate::serve::{ServeError, ServeOptions, serve};

#[derive(Args, Debug)]
pub(super) struct ServeArgs {
    /// Where Prometheus finds /metrics; port 0 picks one and prints it
    #[arg(long, value_name = "ADDR", env = "SMART_AI_METRICS", default_value = "127.0.0.1:9435")]
    metrics: SocketAddr,
    /// Where clients find the proxy, as they would find Ollama; port 0 picks one and prints it
    #[arg(long, value_name = "ADDR", env = "SMART_AI_PROXY", default_value = "127.0.0.1:11435")]
    proxy: SocketAddr,
    /// Let other machines in: nothing asks them for a password
    #[arg(long, env = "SMART_AI_ALLOW_REMOTE")]
    allow_remote: bool,
    /// How large one request may be; files sent for a new model are not counted
    #[arg(long, value_name = "MIB", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=4096))]
    max_body: u32,
    /// How much all requests under way may hold; more are refused with 503
    #[arg(long, value_name = "MIB", default_value_t = 512, value_parser = clap::value_parser!(u32).range(1..=1_048_576))]
    max_bodies: u32,
    /// Between two looks at each host
    #[arg(long, value_name = "SECONDS", default_value_t = 5.0, value_parser = seconds)]
    poll: f64,
    /// How long requests under way may take to end after SIGTERM or Ctrl+C
    #[arg(long, value_name = "SECONDS", default_value_t = 30.0, value_parser = seconds)]
    drain: f64,
    /// Say where it listens as one JSON line
    #[arg(long)]
    json: bool,
}

fn seconds(text: &str) -> Result<f64, String> {
    let seconds: f64 = text.parse().map_err(|_| "is no number".to_owned())?;
    if (0.1..=86_400.0).contains(&seconds) { Ok(seconds) } else { Err("must be 0.1 to 86400".to_owned()) }
}

pub(super) fn run(settings: Settings, arguments: &ServeArgs) -> io::Result<u8> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let code = runtime.block_on(until_signal(settings, arguments));
    runtime.shutdown_background();
    code
}

async fn until_signal(settings: Settings, arguments: &ServeArgs) -> io::Result<u8> {
    // Before anything listens: whoever reads where may end us at once.
    let mut signals = StopSignals::listen()?;
    let options = ServeOptions {
        metrics: arguments.metrics,
        proxy: arguments.proxy,
        allow_remote: arguments.allow_remote,
        max_body: (arguments.max_body as usize) << 20,
        max_bodies: (arguments.max_bodies as usize) << 20,
        poll: Duration::from_secs_f64(arguments.poll),
        drain: Duration::from_secs_f64(arguments.drain),
        history: settings.history,
        traces: settings.traces,
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
    signals.next().await;
    let drained = serving.stop();
    tokio::select! {
        drained = drained => Ok(if drained { DONE } else { complain("requests were cut: they took longer than --drain", FAILED) }),
        // A second signal: at once.
        () = signals.next() => Ok(FAILED),
    }
}
