//! `smart-ai history`: past jobs, newest first.

use std::io::{self, Write};

use clap::Args;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, Zoned, civil};

use super::cells::{harmless, local};
use super::{DONE, FAILED, MISUSED, actions, complain, print_json};
use crate::store::{Filter, HistoryConfig, Reader, Row};

#[derive(Args, Debug)]
pub(super) struct HistoryArgs {
    #[command(flatten)]
    which: Which,
    /// What was loaded, let go, started and stopped by itself, instead of jobs
    #[arg(long, conflicts_with_all = ["task", "job"])]
    actions: bool,
    /// How many
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    limit: u32,
    /// The next page: only jobs, or actions, older than this one
    #[arg(long, value_name = "JOB")]
    before: Option<String>,
    /// One JSON object a line: the decision with every term, the calls, the outcome
    #[arg(long, conflicts_with = "csv")]
    json: bool,
    /// Comma-separated values, with a line of names
    #[arg(long)]
    csv: bool,
}

/// Which jobs of the history.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct Which {
    /// Sent then or later: 2026-11-23, 2026-11-23T18:00, 2026-11-23T18:00Z, or an age such as 2h or 7d
    #[arg(long, value_name = "WHEN")]
    since: Option<String>,
    /// Sent before
    #[arg(long, value_name = "WHEN")]
    until: Option<String>,
    /// Answered by this model
    #[arg(long)]
    model: Option<String>,
    /// Answered by this host
    #[arg(long, value_name = "NAME")]
    on: Option<String>,
    /// general, summarize, analyze, extract, classify, code, chat, vision or embed
    #[arg(long)]
    task: Option<String>,
    /// ok, failed, or an error's word such as `no_capable_model`
    #[arg(long, value_name = "WORD")]
    outcome: Option<String>,
    /// Only this job
    #[arg(long)]
    job: Option<String>,
}

impl Which {
    /// The question for the history; a refusal names the flag.
    pub(super) fn filter(&self, limit: u32) -> Result<Filter, String> {
        let moment = |flag: &str, text: &Option<String>| {
            let text = text.as_deref();
            text.map(|text| {
                moment(text).ok_or_else(|| format!("--{flag} {text}: is no date, time or age (2h, 7d)"))
            })
            .transpose()
        };
        Ok(Filter {
            since_ms: moment("since", &self.since)?,
            until_ms: moment("until", &self.until)?,
            model: self.model.clone(),
            host: self.on.clone(),
            task: self.task.clone(),
            outcome: self.outcome.clone(),
            job: self.job.clone(),
            before: None,
            limit,
        })
    }
}

/// Milliseconds since 1970. Without a zone it is the user's own.
fn moment(text: &str) -> Option<i64> {
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Some(instant.as_millisecond());
    }
    if let Ok(local) = text.parse::<civil::DateTime>() {
        return local.to_zoned(TimeZone::system()).ok().map(|zoned| zoned.timestamp().as_millisecond());
    }
    let age: Span = text.parse().ok()?;
    Zoned::now().checked_sub(age.abs()).ok().map(|then| then.timestamp().as_millisecond())
}

pub(super) async fn run(history: &HistoryConfig, arguments: &HistoryArgs) -> io::Result<u8> {
    let filter = match arguments.which.filter(arguments.limit) {
        Ok(filter) => Filter { before: arguments.before.clone(), ..filter },
        Err(error) => return Ok(complain(&error, MISUSED)),
    };
    if arguments.actions {
        return actions::run(history, &filter, arguments.json, arguments.csv).await;
    }
    let rows = match Reader::open(history).await {
        Ok(reader) => reader.page(&filter).await,
        Err(error) => Err(error),
    };
    let rows = match rows {
        Ok(rows) => rows,
        Err(error) => return Ok(complain(&error.to_string(), FAILED)),
    };
    if arguments.json {
        rows.iter().try_for_each(print_json)?;
    } else if arguments.csv {
        crate::screen::out().write_all(&comma_separated(&rows)?)?;
    } else {
        table(&rows)?;
    }
    Ok(DONE)
}

fn outcome(row: &Row) -> &str {
    row.error.as_ref().map_or("ok", |fault| fault.code.as_str())
}

fn task(row: &Row) -> &str {
    row.decision.as_ref().map_or("", |decision| decision.task.as_str())
}

fn comma_separated(rows: &[Row]) -> io::Result<Vec<u8>> {
    let mut lines = csv::Writer::from_writer(Vec::new());
    lines.write_record([
        "at_ms",
        "job",
        "outcome",
        "message",
        "task",
        "mode",
        "shape",
        "model",
        "host",
        "attempts",
        "prompt_tokens",
        "output_tokens",
        "queue_ms",
        "load_ms",
        "first_token_ms",
        "total_ms",
        "predicted_ms",
    ])?;
    for row in rows {
        lines.write_record([
            row.at_ms.to_string().as_str(),
            &row.job,
            outcome(row),
            &harmless(row.error.as_ref().map_or("", |fault| fault.message.as_str())),
            task(row),
            &row.mode,
            &harmless(row.shape.as_deref().unwrap_or_default()),
            &harmless(row.model.as_deref().unwrap_or_default()),
            &harmless(row.host.as_deref().unwrap_or_default()),
            &row.attempts.len().to_string(),
            &row.usage.prompt_tokens.to_string(),
            &row.usage.output_tokens.to_string(),
            &row.ms.queue.to_string(),
            &row.ms.load.to_string(),
            &row.ms.first_token.to_string(),
            &row.ms.total.to_string(),
            &row.predicted_ms.to_string(),
        ])?;
    }
    lines.into_inner().map_err(csv::IntoInnerError::into_error)
}

fn table(rows: &[Row]) -> io::Result<()> {
    let mut out = crate::screen::out();
    writeln!(
        out,
        "{:<19}  {:<9}  {:<24}  {:<16}  {:>7}  {:>9}  {:<18}  JOB",
        "SENT", "TASK", "MODEL", "HOST", "TOOK", "EXPECTED", "OUTCOME"
    )?;
    for row in rows {
        writeln!(
            out,
            "{:<19}  {:<9}  {:<24}  {:<16}  {:>5.1} s  {:>7.1} s  {:<18}  {}",
            local(row.at_ms),
            task(row),
            row.model.as_deref().unwrap_or("-"),
            row.host.as_deref().unwrap_or("-"),
            row.ms.total / 1e3,
            row.predicted_ms / 1e3,
            outcome(row),
            row.job,
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_of_a_csv_is_a_formula() -> io::Result<()> {
        for (model, cell) in [
            ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
            ("@SUM(1)", "'@SUM(1)"),
            ("＝1+1", "'＝1+1"),
            ("\n=1", "\"'\n=1\""),
            ("llama3.2:3b-q4", "llama3.2:3b-q4"),
        ] {
            let rows = [Row { model: Some(model.to_owned()), ..Row::default() }];
            let lines = comma_separated(&rows)?;
            let text = String::from_utf8_lossy(&lines);
            assert!(text.contains(&format!(",{cell},")), "{model}: {text}");
        }
        Ok(())
    }
}
