//! `smart-ai verify`: what the fleet has, what is missing, what that costs and how to get it.

mod exporters;
mod hosts;
mod lines;
mod metrics;

use std::io;

use serde::Serialize;
use smart_ai_core::wire::FleetConfig;

use super::seen::seen;
use super::{DONE, FAILED, complain, print_json};
use crate::driver::Engine;

#[derive(Debug, Serialize)]
struct Report {
    /// Every required check passed.
    ok: bool,
    checks: Vec<Check>,
}

#[derive(Debug, Serialize)]
struct Check {
    name: String,
    ok: bool,
    required: bool,
    /// What is there; of what is missing, what that costs.
    detail: String,
    /// How to get it; empty where nothing is missing.
    fix: String,
}

impl Check {
    fn passed(name: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { name: name.into(), ok: true, required: false, detail: detail.into(), fix: String::new() }
    }

    /// Smart AI works without it, but worse.
    fn lacking(name: impl Into<String>, detail: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { ok: false, fix: fix.into(), ..Self::passed(name, detail) }
    }

    /// Makes a check one that must pass.
    fn required(self) -> Self {
        Self { required: true, ..self }
    }
}

pub(super) async fn run(engine: &Engine, config: &FleetConfig, json: bool) -> io::Result<u8> {
    let snapshot = match seen(engine).await? {
        Ok(snapshot) => snapshot,
        Err(error) => return Ok(complain(&error.message, FAILED)),
    };
    let fleet = match config.split() {
        Ok(fleet) => fleet,
        Err(error) => return Ok(complain(&error.to_string(), FAILED)),
    };
    let mut checks = hosts::checks(&fleet, &snapshot);
    checks.extend(metrics::checks(&fleet, &snapshot).await);
    let report = Report { ok: checks.iter().all(|check| check.ok || !check.required), checks };
    if json {
        print_json(&report)?;
    } else {
        lines::write(&report)?;
    }
    Ok(if report.ok { DONE } else { FAILED })
}
