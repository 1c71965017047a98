//! `smart-ai simulate`: policies compared on a scenario in virtual time.

use std::fs;
use std::io::{self, IsTerminal, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};

use clap::Args;
use smart_ai_sim::virtual_time::plot::plots;
use smart_ai_sim::virtual_time::{Competition, Policy, Report, Scenario, compete};

use super::{DONE, MISUSED, complain, print_json};

#[derive(Args, Debug)]
pub(super) struct SimulateArgs {
    /// Scenario file: hosts, models, classes, arrivals, what goes wrong
    #[arg(long, value_name = "FILE")]
    scenario: PathBuf,
    /// Policies to compare; regret is against `clairvoyant` in any case
    #[arg(
        long,
        value_name = "NAMES",
        value_delimiter = ',',
        default_value = "smart,greedy,static,least-connections"
    )]
    policies: Vec<String>,
    /// Seeds, half-open
    #[arg(long, value_name = "FROM..TO", default_value = "0..8", value_parser = seeds)]
    seeds: Range<u64>,
    /// One JSON object instead of a table
    #[arg(long)]
    json: bool,
    /// Draw latency, regret and loads as SVG into this folder
    #[arg(long, value_name = "DIR")]
    plots: Option<PathBuf>,
    /// Write what became of each request, one JSON object a line
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
}

fn seeds(text: &str) -> Result<Range<u64>, String> {
    let range = text.split_once("..").and_then(|(from, to)| Some(from.parse().ok()?..to.parse().ok()?));
    range
        .filter(|range| !range.is_empty() && range.end - range.start <= 10_000)
        .ok_or_else(|| "give two numbers, the first one less: 0..8 plays seeds 0 to 7".to_owned())
}

pub(super) fn run(arguments: &SimulateArgs) -> io::Result<u8> {
    let competition = match competition(arguments) {
        Ok(competition) => competition,
        Err(message) => return Ok(complain(&message, MISUSED)),
    };
    let shown = io::stderr().is_terminal();
    let report = compete(&competition, &|done, all| {
        if shown {
            drop(write!(io::stderr(), "\r{done} of {all} runs"));
        }
    });
    if shown {
        drop(write!(io::stderr(), "\r\x1b[K"));
    }
    if let Some(folder) = &arguments.plots {
        draw(&report, folder)?;
    }
    if let Some(file) = &arguments.trace {
        trace(&report, file).map_err(|error| at(file, &error))?;
    }
    if arguments.json {
        print_json(&report)?;
    } else {
        table(&report)?;
    }
    Ok(DONE)
}

fn competition(arguments: &SimulateArgs) -> Result<Competition, String> {
    let file = arguments.scenario.display();
    let json = fs::read_to_string(&arguments.scenario).map_err(|error| format!("{file}: {error}"))?;
    let scenario = Scenario::from_json(&json).map_err(|error| format!("{file}: {error}"))?;
    let known = || {
        format!(
            "smart, greedy, {}, always-on, keep-alive:SECONDS, ttl:SECONDS, sablier:SECONDS, clairvoyant-idle",
            Policy::OTHERS.map(|(name, _)| name).join(", ")
        )
    };
    let policies = arguments
        .policies
        .iter()
        .map(|name| {
            let policy = Policy::named(name);
            policy
                .map(|policy| (name.clone(), policy))
                .ok_or_else(|| format!("--policies: no policy is called \"{name}\"; there are {}", known()))
        })
        .collect::<Result<Vec<_>, String>>()?;
    Ok(Competition { scenario, policies, seeds: arguments.seeds.clone().collect() })
}

fn draw(report: &Report, folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder).map_err(|error| at(folder, &error))?;
    for (name, svg) in plots(report).map_err(io::Error::other)? {
        let file = folder.join(name);
        fs::write(&file, svg).map_err(|error| at(&file, &error))?;
    }
    Ok(())
}

fn trace(report: &Report, file: &Path) -> io::Result<()> {
    let mut out = io::BufWriter::new(fs::File::create(file)?);
    for row in &report.rows {
        serde_json::to_writer(&mut out, row)?;
        writeln!(out)?;
    }
    out.flush()
}

/// The error with the path it is about.
fn at(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

fn table(report: &Report) -> io::Result<()> {
    let mut out = crate::screen::out();
    let seeds = report.seeds.len();
    writeln!(out, "{}, {seeds} {}", report.scenario, if seeds == 1 { "seed" } else { "seeds" })?;
    writeln!(
        out,
        "{:<20} {:>8} {:>7} {:>7} {:>8} {:>8} {:>9} {:>7} {:>7} {:>7} {:>8}",
        "policy", "mean s", "± s", "p50 s", "p95 s", "p99 s", "answered", "loads", "GB h", "idle", "regret"
    )?;
    for one in &report.policies {
        writeln!(
            out,
            "{:<20} {:>8.2} {:>7.2} {:>7.2} {:>8.2} {:>8.2} {:>7.2} % {:>7.0} {:>7.1} {:>7.1} {:>6.1} %",
            one.name,
            one.mean_s,
            one.sd_s,
            one.p50_s,
            one.p95_s,
            one.p99_s,
            one.success * 100.0,
            one.loads,
            one.resident_gb_hours,
            one.idle_gb_hours,
            one.regret * 100.0
        )?;
    }
    Ok(())
}
