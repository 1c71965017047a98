//! The report for a person: green, yellow and red lines on a terminal.

use std::io::{self, IsTerminal, Write};

use super::{Check, Report};
use crate::screen::plain;

const GREEN: &str = "32";
const YELLOW: &str = "33";
const RED: &str = "31";

pub(super) fn write(report: &Report) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let colored = out.is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let paint = |text: &str, color: &str| {
        if colored { format!("\u{1b}[{color}m{text}\u{1b}[0m") } else { text.to_owned() }
    };
    let width = report.checks.iter().map(|check| check.name.chars().count()).max().unwrap_or(0);
    for check in &report.checks {
        let (word, color) = verdict(check);
        let word = paint(&format!("{word:<4}"), color);
        writeln!(out, "{word}  {:<width$}  {}", plain(&check.name), plain(&check.detail))?;
        if !check.ok {
            writeln!(out, "{:6}{:width$}  -> {}", "", "", plain(&check.fix))?;
        }
    }
    let failed = report.checks.iter().filter(|check| !check.ok && check.required).count();
    let lacking = report.checks.iter().filter(|check| !check.ok && !check.required).count();
    let (sum, color) = match (failed, lacking) {
        (0, 0) => ("All there.".to_owned(), GREEN),
        (0, lacking) => (format!("Works; {lacking} of {} could be better.", report.checks.len()), YELLOW),
        (failed, _) => (format!("{failed} of {} must be mended.", report.checks.len()), RED),
    };
    writeln!(out, "\n{}", paint(&sum, color))
}

fn verdict(check: &Check) -> (&'static str, &'static str) {
    match (check.ok, check.required) {
        (true, _) => ("ok", GREEN),
        (false, false) => ("warn", YELLOW),
        (false, true) => ("FAIL", RED),
    }
}
