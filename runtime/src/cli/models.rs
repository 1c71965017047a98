//! `smart-ai models`: every model on every host.

use std::io::{self, Write};

use super::seen::seen;
use smart_ai_core::HostId;

use super::{DONE, FAILED, complain, print_json};
use crate::driver::Engine;

pub(super) async fn run(engine: &Engine, json: bool) -> io::Result<u8> {
    let snapshot = match seen(engine).await? {
        Ok(snapshot) => snapshot,
        Err(error) => return Ok(complain(&error.message, FAILED)),
    };
    if json {
        print_json(&snapshot.hosts)?;
    } else {
        let mut out = crate::screen::out();
        writeln!(
            out,
            "{:<20} {:<28} {:>8} {:>10} {:>10}  STATE",
            "HOST", "MODEL", "GB", "READ/S", "WRITE/S"
        )?;
        for host in &snapshot.hosts {
            if host.models.is_empty() {
                let reason = host.reason.as_deref().map_or(String::new(), |reason| format!(": {reason}"));
                writeln!(out, "{:<20} {}{reason}", host.host.as_str(), host.state)?;
            }
            for model in &host.models {
                let state = if model.resident { "loaded" } else { "cold" };
                writeln!(
                    out,
                    "{:<20} {:<28} {:>8.2} {:>10.0} {:>10.0}  {state}",
                    host.host.as_str(),
                    model.model.as_str(),
                    model.size_bytes as f64 / 1e9,
                    model.prefill_tok_per_s,
                    model.decode_tok_per_s,
                )?;
            }
        }
        for host in snapshot.hosts.iter().filter(|host| !host.shares_machine_with.is_empty()) {
            let others: Vec<&str> = host.shares_machine_with.iter().map(HostId::as_str).collect();
            writeln!(out, "{} shares its machine with {}", host.host, others.join(", "))?;
        }
    }
    let any = snapshot.hosts.iter().any(|host| host.state == "up");
    Ok(if any { DONE } else { complain("no host answers; `smart-ai verify` says what to do", FAILED) })
}
