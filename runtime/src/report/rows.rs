//! Rows of the history as the report reads them: one JSON object a line, as `docs/report.md` says.

use thiserror::Error;

pub(crate) use crate::store::Row;

/// A line that is no row.
#[derive(Debug, Error)]
#[error("line {line}: {reason}; docs/report.md says what a row holds")]
pub(crate) struct RowError {
    line: usize,
    reason: serde_json::Error,
}

/// Rows in order of time.
///
/// # Errors
/// The first line that is no row.
pub(crate) fn read_rows(text: &str) -> Result<Vec<Row>, RowError> {
    let mut rows = text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
        .map(|(index, line)| {
            serde_json::from_str(line).map_err(|reason| RowError { line: index + 1, reason })
        })
        .collect::<Result<Vec<Row>, _>>()?;
    rows.sort_by(|one, other| (one.at_ms, &one.job).cmp(&(other.at_ms, &other.job)));
    Ok(rows)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::store::{Attempt, Decided, Phases, Usage};

    /// A job that was answered after this many seconds, with a second expected.
    pub(crate) fn answered(at_s: u64, seconds: f64) -> Row {
        Row {
            at_ms: at_s * 1000,
            ok: true,
            model: Some("small:1b".to_owned()),
            host: Some("pc".to_owned()),
            attempts: vec![Attempt { outcome: "ok".to_owned(), ms: seconds * 1e3, ..Attempt::default() }],
            decision: Some(Decided { task: "chat".to_owned(), ..Decided::default() }),
            usage: Usage { prompt_tokens: 100, output_tokens: 50 },
            ms: Phases { queue: 0.0, load: 0.0, first_token: seconds * 200.0, total: seconds * 1e3 },
            predicted_ms: 1000.0,
            ..Row::default()
        }
    }

    #[test]
    #[expect(clippy::expect_used, reason = "the test says what must be there")]
    fn rows_are_read_in_order_of_time_whatever_else_they_hold() {
        let line = |at: u64| {
            format!(
                r#"{{"at_ms":{at},"ok":true,"text":"secret","model":"m","host":"h","attempts":[{{"host":"h","model":"m","outcome":"ok","ms":5}}],"decision":{{"task":"chat","reason":"best"}},"usage":{{"prompt_tokens":1,"output_tokens":2}},"ms":{{"queue":0,"load":0,"first_token":1,"total":5}},"predicted_ms":4}}"#
            )
        };
        let rows = read_rows(&format!("{}\n\n{}\n", line(20), line(10))).expect("they are rows");
        assert_eq!(rows.iter().map(|row| row.at_ms).collect::<Vec<_>>(), [10, 20]);
    }

    #[test]
    #[expect(clippy::expect_used, reason = "the test says what must be there")]
    fn a_line_that_is_no_row_is_named() {
        let error = read_rows("\n{\"ok\":1}").expect_err("no row").to_string();
        assert!(error.starts_with("line 2: "), "{error}");
    }
}
