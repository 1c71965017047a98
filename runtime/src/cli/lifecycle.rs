//! `smart-ai lifecycle`: which models come and go by themselves, as a running sidecar sees it.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal as _, Write};
use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::json;
use smart_ai_core::wire::{Endpoint, Reply};
use smart_ai_core::{LifecycleHost, LifecycleModel, LifecycleReport};

use super::{DONE, FAILED, MISUSED, complain, print_json};
use crate::http::{Server, look};
use crate::screen;

/// How long the sidecar may take to answer; it does so at once.
const WITHIN: Duration = Duration::from_secs(5);
const CONNECT_MS: u32 = 2_000;
/// How often `--watch` shows it anew.
const WATCH_EVERY: Duration = Duration::from_secs(2);

#[derive(Args, Debug)]
pub(super) struct LifecycleArgs {
    #[command(subcommand)]
    what: What,
    /// The proxy of the running `smart-ai serve`; its key is read from `SMART_AI_KEY`
    #[arg(
        long,
        value_name = "URL",
        env = "SMART_AI_SIDECAR",
        hide_env_values = true,
        default_value = "http://127.0.0.1:11435",
        global = true
    )]
    sidecar: String,
    /// One JSON object instead of a table
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Clone, Copy, Debug, Subcommand)]
enum What {
    /// Every host that starts and stops, every model in memory: how long it is held, why, and what was done lately
    Status {
        /// Show it anew every two seconds until Ctrl+C
        #[arg(long)]
        watch: bool,
    },
    /// What will be done next, in order, if nothing is used before
    Plan,
    /// Do now what is due, whatever the mode is
    Apply,
}

pub(super) async fn run(arguments: &LifecycleArgs) -> io::Result<u8> {
    let server = match server(&arguments.sidecar) {
        Ok(server) => server,
        Err(message) => return Ok(complain(&format!("--sidecar: {message}"), MISUSED)),
    };
    loop {
        let report = match ask(&server, arguments.what).await {
            Ok(report) => report,
            Err(message) => return Ok(complain(&message, FAILED)),
        };
        let watches = matches!(arguments.what, What::Status { watch: true });
        let mut out = screen::out();
        if watches && io::stdout().is_terminal() {
            // To the top, and nothing below.
            write!(out, "\x1b[H\x1b[J")?;
        }
        match (arguments.json, arguments.what) {
            (true, What::Plan) => print_json(&plan(&report))?,
            (true, What::Status { .. } | What::Apply) => print_json(&report)?,
            (false, What::Plan) => show_plan(&mut out, &report)?,
            (false, What::Status { .. } | What::Apply) => show(&mut out, &report)?,
        }
        out.flush()?;
        if !watches {
            return Ok(DONE);
        }
        tokio::time::sleep(WATCH_EVERY).await;
    }
}

fn server(url: &str) -> Result<Server, String> {
    let mut headers = BTreeMap::new();
    if let Some(key) = std::env::var("SMART_AI_KEY").ok().filter(|key| !key.trim().is_empty()) {
        headers.insert("authorization".to_owned(), format!("Bearer {}", key.trim()));
    }
    if !url.starts_with("http://") && !url.starts_with("https://") {
        return Err("give a URL, such as http://127.0.0.1:11435".to_owned());
    }
    let url = url.trim_end_matches('/').to_owned();
    let endpoint = Endpoint::new("sidecar".into(), url, headers);
    Server::new(&endpoint, CONNECT_MS).map_err(|error| error.to_string())
}

async fn ask(server: &Server, what: What) -> Result<LifecycleReport, String> {
    let request = match what {
        What::Status { .. } | What::Plan => server.get("/smart-ai/lifecycle"),
        What::Apply => server.post("/smart-ai/lifecycle/apply", json!({}).to_string()),
    };
    let reply: Reply = look(request, WITHIN).await;
    let body = reply.body().map_err(|failure| {
        let word = failure.kind.as_str();
        format!(
            "the sidecar does not tell: {word}: {}; start `smart-ai serve`, or name its proxy with --sidecar and its key in SMART_AI_KEY",
            failure.detail
        )
    })?;
    serde_json::from_str(body).map_err(|_| {
        "what answers there is no smart-ai serve of this version; name it with --sidecar".to_owned()
    })
}

/// What leaves, soonest first.
fn plan(report: &LifecycleReport) -> Vec<&LifecycleModel> {
    let mut plan: Vec<&LifecycleModel> = report.models.iter().filter(|model| when(model).is_some()).collect();
    plan.sort_by(|left, right| when(left).unwrap_or(0.0).total_cmp(&when(right).unwrap_or(0.0)));
    plan
}

/// Seconds until something is done about it.
fn when(model: &LifecycleModel) -> Option<f64> {
    if model.resident { model.leaves_in_s } else { model.expected_in_s }
}

fn show_plan(out: &mut impl Write, report: &LifecycleReport) -> io::Result<()> {
    let plan = plan(report);
    let stops: Vec<&LifecycleHost> = report.hosts.iter().filter(|host| host.stops_in_s.is_some()).collect();
    if plan.is_empty() && stops.is_empty() {
        writeln!(out, "Nothing is planned.")?;
    }
    for model in plan {
        let verb = if model.resident { "leaves" } else { "is wanted on" };
        let seconds = when(model).unwrap_or(0.0);
        let moment = if seconds <= 0.0 { "now".to_owned() } else { format!("in {}", spoken(seconds)) };
        let (name, host, gb, load) = (&model.model, &model.host, model.gb, spoken(model.load_s));
        writeln!(out, "{moment}: {name} {verb} {host}: {gb:.1} GB, {load} to load; {}", model.why)?;
    }
    for host in stops {
        let (moment, start) = (spoken(host.stops_in_s.unwrap_or(0.0)), spoken(host.start_s));
        writeln!(
            out,
            "in {moment}: {} stops: {:.1} GB, {start} to start; {}",
            host.host, host.idle_gb, host.why
        )?;
    }
    Ok(())
}

fn show(out: &mut impl Write, report: &LifecycleReport) -> io::Result<()> {
    let mode = serde_json::to_value(report.mode).unwrap_or_default();
    let who = report.standby.as_ref().map_or_else(
        || "this sidecar acts".to_owned(),
        |holder| format!("this sidecar stands by, who acts: {holder}"),
    );
    writeln!(
        out,
        "lifecycle {}; {who}; {} of {} actions in the last hour; saved {:.2} GB h against always-on, {:.2} GB h against the hosts' own keep-alive",
        mode.as_str().unwrap_or_default(),
        report.actions_last_hour,
        report.max_actions_per_hour,
        report.saved_gb_hours_always_on,
        report.saved_gb_hours_keep_alive,
    )?;
    show_hosts(out, report)?;
    writeln!(
        out,
        "{:<16} {:<26} {:>6} {:>8} {:>8} {:>8} {:>9}  WHY",
        "HOST", "MODEL", "GB", "IDLE", "HELD", "LEAVES", "NEXT USE"
    )?;
    let or_dash = |seconds: Option<f64>| seconds.map_or_else(|| "-".to_owned(), spoken);
    for model in &report.models {
        writeln!(
            out,
            "{:<16} {:<26} {:>6.1} {:>8} {:>8} {:>8} {:>9}  {}",
            model.host.as_str(),
            model.model.as_str(),
            model.gb,
            or_dash(model.idle_s),
            spoken(model.hold_s),
            or_dash(model.leaves_in_s),
            or_dash(model.expected_in_s),
            model.why
        )?;
    }
    for action in report.actions.iter().take(10) {
        writeln!(out, "{}: {}", action.outcome, action.reason)?;
    }
    Ok(())
}

fn show_hosts(out: &mut impl Write, report: &LifecycleReport) -> io::Result<()> {
    if report.hosts.is_empty() {
        return Ok(());
    }
    let or_dash = |seconds: Option<f64>| seconds.map_or_else(|| "-".to_owned(), spoken);
    writeln!(
        out,
        "{:<16} {:<9} {:>6} {:>8} {:>8} {:>8} {:>8}  WHY",
        "HOST", "STATE", "GB", "START", "UP", "IDLE", "STOPS"
    )?;
    for host in &report.hosts {
        writeln!(
            out,
            "{:<16} {:<9} {:>6.1} {:>8} {:>8} {:>8} {:>8}  {}",
            host.host.as_str(),
            host.state.as_str(),
            host.idle_gb,
            spoken(host.start_s),
            or_dash(host.up_s),
            or_dash(host.idle_s),
            or_dash(host.stops_in_s),
            host.why
        )?;
    }
    writeln!(out)
}

/// A duration as a person says it: `22 min`.
fn spoken(seconds: f64) -> String {
    if seconds < 90.0 {
        format!("{seconds:.0} s")
    } else if seconds < 5_400.0 {
        format!("{:.0} min", seconds / 60.0)
    } else {
        format!("{:.0} h", seconds / 3_600.0)
    }
}
