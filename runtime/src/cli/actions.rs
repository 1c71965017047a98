//! `smart-ai history --actions`: what was loaded, let go, started and stopped by itself, newest first.

use std::io::{self, Write};

use super::cells::{harmless, local};
use super::{DONE, FAILED, complain, print_json};
use crate::store::{Action, Filter, HistoryConfig, Reader};

pub(super) async fn run(history: &HistoryConfig, filter: &Filter, json: bool, csv: bool) -> io::Result<u8> {
    let found = match Reader::open(history).await {
        Ok(reader) => reader.actions(filter).await,
        Err(error) => Err(error),
    };
    let actions = match found {
        Ok(actions) => actions,
        Err(error) => return Ok(complain(&error.to_string(), FAILED)),
    };
    if json {
        actions.iter().try_for_each(print_json)?;
    } else if csv {
        crate::screen::out().write_all(&comma_separated(&actions)?)?;
    } else {
        table(&actions)?;
    }
    Ok(DONE)
}

fn comma_separated(actions: &[Action]) -> io::Result<Vec<u8>> {
    let mut lines = csv::Writer::from_writer(Vec::new());
    lines.write_record(["at_ms", "name", "action", "host", "model", "outcome", "gb", "ms", "reason"])?;
    for action in actions {
        lines.write_record([
            action.at_ms.to_string().as_str(),
            &action.name,
            &action.what,
            &harmless(&action.host),
            &harmless(action.model.as_deref().unwrap_or_default()),
            &action.outcome,
            &action.gb.to_string(),
            &action.ms.to_string(),
            &harmless(&action.reason),
        ])?;
    }
    lines.into_inner().map_err(csv::IntoInnerError::into_error)
}

fn table(actions: &[Action]) -> io::Result<()> {
    let mut out = crate::screen::out();
    writeln!(
        out,
        "{:<19}  {:<10}  {:<16}  {:<24}  {:>6}  {:>8}  {:<12}  WHY",
        "BEGAN", "ACTION", "HOST", "MODEL", "GB", "TOOK", "OUTCOME"
    )?;
    for action in actions {
        writeln!(
            out,
            "{:<19}  {:<10}  {:<16}  {:<24}  {:>6.1}  {:>6.1} s  {:<12}  {}",
            local(action.at_ms),
            action.what,
            action.host,
            action.model.as_deref().unwrap_or("-"),
            action.gb,
            action.ms / 1e3,
            action.outcome,
            action.reason,
        )?;
    }
    Ok(())
}
