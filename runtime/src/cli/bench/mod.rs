//! `smart-ai bench`: how fast each arm of the fleet loads, reads and writes.

mod measure;

use std::io::{self, Write};

use clap::Args;
use serde::Serialize;
use smart_ai_core::wire::{Endpoint, FleetConfig};
use smart_ai_core::{Capability, HostId, ModelName, Snapshot};

use super::seen::seen;
use super::{DONE, FAILED, complain, print_json};
use crate::driver::Engine;
use crate::screen::{self, progress};
use measure::Bench;

#[derive(Args, Debug)]
pub(super) struct BenchArgs {
    /// Only this model; give it several times for several models
    #[arg(long, value_name = "NAME")]
    model: Vec<String>,
    /// Only this host
    #[arg(long, value_name = "NAME")]
    on: Option<String>,
    /// Measurements of each arm; their medians count
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    repeats: u32,
    /// Tokens of the long prompt, about
    #[arg(long, value_name = "N", default_value_t = 512, value_parser = clap::value_parser!(u32).range(16..=100_000))]
    prompt_tokens: u32,
    /// Tokens of the long answer
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u32).range(16..=10_000))]
    output_tokens: u32,
    /// One JSON object instead of a table
    #[arg(long)]
    json: bool,
}

/// What is known of an arm after its measurement; medians.
#[derive(Debug, Serialize)]
struct Row {
    host: HostId,
    model: ModelName,
    /// Seconds until the model is loaded, as a caller sees it.
    load_s: Option<f64>,
    /// Prompt tokens ÷ seconds until the first piece.
    prefill_tok_per_s: Option<f64>,
    /// Tokens after the first ÷ seconds after the first piece.
    decode_tok_per_s: Option<f64>,
    /// Why something was not measured.
    error: Option<String>,
}

struct Arm<'a> {
    endpoint: &'a Endpoint,
    model: ModelName,
    resident: bool,
}

pub(super) async fn run(engine: &Engine, config: &FleetConfig, arguments: BenchArgs) -> io::Result<u8> {
    let fleet = match config.split() {
        Ok(fleet) => fleet,
        Err(error) => return Ok(complain(&error.to_string(), FAILED)),
    };
    let snapshot = match seen(engine).await? {
        Ok(snapshot) => snapshot,
        Err(error) => return Ok(complain(&error.message, FAILED)),
    };
    let arms = arms(&fleet.hosts, &snapshot, &arguments);
    if arms.is_empty() {
        let message =
            "no arm to measure: no host that answers has such a model; `smart-ai models` lists them";
        return Ok(complain(message, FAILED));
    }
    let mut rows = Vec::new();
    for (index, arm) in arms.iter().enumerate() {
        progress(&format!("{} of {}: {} on {}", index + 1, arms.len(), arm.model, arm.endpoint.id))?;
        let bench = match Bench::new(engine, arm.endpoint, &arm.model, fleet.config.connect_timeout_ms) {
            Ok(bench) => bench,
            Err(error) => return Ok(complain(&error.to_string(), FAILED)),
        };
        rows.push(bench.row(&arguments, arm.resident).await);
    }
    progress("")?;
    let failed = rows.iter().filter(|row| row.error.is_some()).count();
    if arguments.json {
        print_json(&serde_json::json!({ "repeats": arguments.repeats, "arms": rows }))?;
    } else {
        write_table(&rows)?;
    }
    Ok(if failed == 0 { DONE } else { FAILED })
}

/// Every arm that writes text, of the hosts and models asked for.
fn arms<'a>(endpoints: &'a [Endpoint], snapshot: &Snapshot, arguments: &BenchArgs) -> Vec<Arm<'a>> {
    let mut arms = Vec::new();
    for (endpoint, host) in endpoints.iter().zip(&snapshot.hosts) {
        let on = arguments.on.as_deref().is_none_or(|on| on == host.host.as_str());
        for model in host.models.iter().filter(|_| on && host.state == "up") {
            let name = model.model.as_str();
            let short = name.strip_suffix(":latest").unwrap_or(name);
            let wanted = arguments.model.is_empty()
                || arguments.model.iter().any(|wanted| wanted == name || wanted == short);
            let writes =
                model.capabilities.as_ref().is_none_or(|known| known.contains(&Capability::Completion));
            if wanted && writes {
                arms.push(Arm { endpoint, model: model.model.clone(), resident: model.resident });
            }
        }
    }
    arms
}

fn write_table(rows: &[Row]) -> io::Result<()> {
    let mut out = screen::out();
    writeln!(out, "{:<20} {:<28} {:>8} {:>10} {:>10}", "HOST", "MODEL", "LOAD S", "READ/S", "WRITE/S")?;
    for row in rows {
        let number = |value: Option<f64>, digits: usize| {
            value.map_or_else(|| "-".to_owned(), |value| format!("{value:.digits$}"))
        };
        writeln!(
            out,
            "{:<20} {:<28} {:>8} {:>10} {:>10}",
            row.host.as_str(),
            row.model.as_str(),
            number(row.load_s, 2),
            number(row.prefill_tok_per_s, 0),
            number(row.decode_tok_per_s, 1),
        )?;
        if let Some(error) = &row.error {
            writeln!(out, "{:20} {error}", "")?;
        }
    }
    Ok(())
}
