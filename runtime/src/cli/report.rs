//! `smart-ai report`: what past jobs show, as one page.

use std::fs;
use std::io::{self, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};

use clap::Args;

use super::{DONE, FAILED, MISUSED, complain};
use crate::report::{page, read_rows, report};

#[derive(Args, Debug)]
pub(super) struct ReportArgs {
    /// Jobs, one JSON object a line, as docs/report.md says; - reads them from stdin
    #[arg(long, value_name = "FILE", default_value = "-")]
    from: PathBuf,
    /// Where to write the page
    #[arg(long, short, value_name = "FILE", default_value = "smart-ai-report.html")]
    out: PathBuf,
    /// Leave out what other ways of choosing would have cost, which takes most of the time
    #[arg(long)]
    no_replay: bool,
}

pub(super) fn run(arguments: &ReportArgs) -> io::Result<u8> {
    let text = match read(&arguments.from) {
        Ok(text) => text,
        Err(error) => return Ok(complain(&format!("{}: {error}", arguments.from.display()), MISUSED)),
    };
    let rows = match read_rows(&text) {
        Ok(rows) => rows,
        Err(error) => return Ok(complain(&format!("{}: {error}", arguments.from.display()), MISUSED)),
    };
    if rows.is_empty() {
        return Ok(complain("no jobs: nothing to report; docs/report.md says what a row holds", FAILED));
    }
    let html = page(&report(&rows, !arguments.no_replay))?;
    if let Err(error) = fs::write(&arguments.out, html) {
        return Ok(complain(&format!("{}: {error}", arguments.out.display()), FAILED));
    }
    if io::stderr().is_terminal() {
        writeln!(io::stderr(), "{} jobs drawn in {}", rows.len(), arguments.out.display())?;
    }
    Ok(DONE)
}

fn read(from: &Path) -> io::Result<String> {
    if from.as_os_str() == "-" {
        let mut text = String::new();
        io::stdin().lock().read_to_string(&mut text)?;
        return Ok(text);
    }
    fs::read_to_string(from)
}
