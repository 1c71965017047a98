//! `smart-ai report`: what past jobs show, as one page.

use std::fs;
use std::io::{self, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};

use clap::Args;

use super::history::Which;
use super::{DONE, FAILED, MISUSED, complain};
use crate::report::{Row, page, read_rows, report};
use crate::store::{Action, HistoryConfig, Reader};

#[derive(Args, Debug)]
pub(super) struct ReportArgs {
    /// Jobs, one JSON object a line, as `history --json` prints them; - reads stdin [default: the history]
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
    #[command(flatten)]
    which: Which,
    /// Where to write the page
    #[arg(long, short, value_name = "FILE", default_value = "smart-ai-report.html")]
    out: PathBuf,
    /// Leave out what other ways of choosing would have cost, which takes most of the time
    #[arg(long)]
    no_replay: bool,
}

pub(super) async fn run(history: &HistoryConfig, arguments: &ReportArgs) -> io::Result<u8> {
    let (rows, actions) = match read_all(history, arguments).await {
        Ok(found) => found,
        Err(error) => return Ok(complain(&error, MISUSED)),
    };
    if rows.is_empty() {
        return Ok(complain("no jobs: nothing to report; docs/report.md says what a row holds", FAILED));
    }
    let html = page(&report(&rows, &actions, !arguments.no_replay))?;
    if let Err(error) = fs::write(&arguments.out, html) {
        return Ok(complain(&format!("{}: {error}", arguments.out.display()), FAILED));
    }
    if io::stderr().is_terminal() {
        writeln!(io::stderr(), "{} jobs drawn in {}", rows.len(), arguments.out.display())?;
    }
    Ok(DONE)
}

/// Jobs, and what was done by itself at the same time: that is told by a history alone.
async fn read_all(
    history: &HistoryConfig,
    arguments: &ReportArgs,
) -> Result<(Vec<Row>, Vec<Action>), String> {
    let Some(from) = &arguments.from else {
        let filter = arguments.which.filter(u32::MAX)?;
        let reader = Reader::open(history).await.map_err(|error| error.to_string())?;
        let rows = reader.all(&filter).await.map_err(|error| error.to_string())?;
        let actions = reader.actions(&filter).await.map_err(|error| error.to_string())?;
        return Ok((rows, actions));
    };
    let text = read(from).map_err(|error| format!("{}: {error}", from.display()))?;
    let rows = read_rows(&text).map_err(|error| format!("{}: {error}", from.display()))?;
    Ok((rows, Vec::new()))
}

fn read(from: &Path) -> io::Result<String> {
    if from.as_os_str() == "-" {
        let mut text = String::new();
        io::stdin().lock().read_to_string(&mut text)?;
        return Ok(text);
    }
    fs::read_to_string(from)
}
