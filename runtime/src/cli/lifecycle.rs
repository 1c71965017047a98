//! `smart-ai lifecycle`: which models come and go by themselves, as a running sidecar sees it.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal as _, Write};
use std::time::Duration;

use clap::{Args, Subcommand};
use serde::Serialize;
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

/// What will be done: a model leaves or is loaded, or a host stops.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(untagged)]
enum Planned<'a> {
    Model(&'a LifecycleModel),
    Stop(&'a LifecycleHost),
}

impl Planned<'_> {
    /// Seconds until it is done; `None` where it is not.
    fn in_s(self) -> Option<f64> {
        match self {
            Self::Model(model) if model.resident => model.leaves_in_s,
            Self::Model(model) => model.expected_in_s,
            Self::Stop(host) => host.stops_in_s,
        }
    }

    fn spoken(self) -> String {
        match self {
            Self::Model(model) => {
                let verb = if model.resident { "leaves" } else { "is wanted on" };
                let (name, host, gb, load) = (&model.model, &model.host, model.gb, spoken(model.load_s));
                format!("{name} {verb} {host}: {gb:.1} GB, {load} to load; {}", model.why)
            }
            Self::Stop(host) => {
                let (name, gb, start) = (&host.host, host.idle_gb, spoken(host.start_s));
                format!("{name} stops: {gb:.1} GB, {start} to start; {}", host.why)
            }
        }
    }
}

/// What will be done, soonest first.
fn plan(report: &LifecycleReport) -> Vec<Planned<'_>> {
    let models = report.models.iter().map(Planned::Model);
    let all = models.chain(report.hosts.iter().map(Planned::Stop));
    let mut plan: Vec<Planned<'_>> = all.filter(|planned| planned.in_s().is_some()).collect();
    plan.sort_by(|left, right| left.in_s().unwrap_or(0.0).total_cmp(&right.in_s().unwrap_or(0.0)));
    plan
}

fn show_plan(out: &mut impl Write, report: &LifecycleReport) -> io::Result<()> {
    let plan = plan(report);
    if plan.is_empty() {
        writeln!(out, "Nothing is planned.")?;
    }
    for planned in plan {
        let seconds = planned.in_s().unwrap_or(0.0);
        let moment = if seconds <= 0.0 { "now".to_owned() } else { format!("in {}", spoken(seconds)) };
        writeln!(out, "{moment}: {}", planned.spoken())?;
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

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn a_plan_lists_what_leaves_what_is_loaded_and_what_stops_in_order() -> Result<(), serde_json::Error> {
        let model = |name: &str, resident: bool, leaves_in_s: Option<f64>, expected_in_s: Option<f64>| {
            json!({
                "host": "pc", "model": name, "resident": resident, "gb": 4.7, "load_s": 14.0, "idle_s": 60.0,
                "hold_s": 300.0, "p95_gap_s": null, "value_per_gb": 0.0, "leaves_in_s": leaves_in_s,
                "expected_in_s": expected_in_s,
                "why": "as learned",
            })
        };
        let host = |name: &str, stops_in_s: Option<f64>| {
            json!({
                "host": name, "state": "up", "start_s": 20.0, "idle_gb": 0.4, "up_s": 900.0, "idle_s": 60.0,
                "stops_in_s": stops_in_s, "why": "nobody uses it",
            })
        };
        let report: LifecycleReport = serde_json::from_value(json!({
            "mode": "on", "standby": null, "actions_last_hour": 0, "max_actions_per_hour": 12,
            "saved_gb_hours_always_on": 0.0, "saved_gb_hours_keep_alive": 0.0,
            "hosts": [host("nas", None), host("pc", Some(300.0))],
            "models": [
                model("later", false, None, Some(7_200.0)),
                model("held", true, None, Some(9.0)),
                model("idle", true, Some(0.0), None),
            ],
            "actions": [],
        }))?;
        let told = serde_json::to_value(plan(&report))?;
        let names: Vec<&Value> = told
            .as_array()
            .into_iter()
            .flatten()
            .map(|one| one.get("model").unwrap_or(&one["host"]))
            .collect();
        assert_eq!(names, ["idle", "pc", "later"]);
        let mut shown = Vec::new();
        assert!(show_plan(&mut shown, &report).is_ok());
        let lines = String::from_utf8_lossy(&shown);
        assert!(lines.contains("\nin 5 min: pc stops: 0.4 GB, 20 s to start; nobody uses it\n"), "{lines}");
        Ok(())
    }
}
