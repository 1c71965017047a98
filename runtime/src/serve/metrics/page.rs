//! The page a scrape gets: `OpenMetrics`, or Prometheus's classic text for those that do not ask for it.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use prometheus_client::encoding::text::encode;

use crate::serve::state::Sidecar;

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const CLASSIC: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The page for a scraper.
pub(in crate::serve) async fn page(State(sidecar): State<Arc<Sidecar>>, headers: HeaderMap) -> Response {
    let mut text = String::new();
    if encode(&mut text, &sidecar.metrics.registry).is_err() {
        return (StatusCode::INTERNAL_SERVER_ERROR, "a metric could not be written").into_response();
    }
    let accepted = headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if accepted.contains("application/openmetrics-text") {
        ([(CONTENT_TYPE, OPEN_METRICS)], text).into_response()
    } else {
        ([(CONTENT_TYPE, CLASSIC)], classic(&text)).into_response()
    }
}

/// The classic text names a counter as its samples are named, and knows neither units nor an end.
fn classic(text: &str) -> String {
    let counters: Vec<&str> =
        text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.strip_suffix(" counter")).collect();
    let mut page = String::with_capacity(text.len());
    for line in text.lines() {
        let mut words = line.splitn(4, ' ');
        match (words.next(), words.next(), words.next(), words.next()) {
            (Some("#"), Some("UNIT" | "EOF"), _, _) => continue,
            (Some("#"), Some(kind), Some(name), Some(rest)) if counters.contains(&name) => {
                page.extend(["# ", kind, " ", name, "_total ", rest]);
            }
            _ => page.push_str(line),
        }
        page.push('\n');
    }
    page
}

#[cfg(test)]
mod tests {
    use super::classic;

    #[test]
    fn the_classic_text_names_counters_as_their_samples() {
        let open = "# HELP a_seconds About.\n# TYPE a_seconds counter\n# UNIT a_seconds seconds\na_seconds_total 1\n# HELP g Go.\n# TYPE g gauge\ng 2\n# EOF\n";
        let expected = "# HELP a_seconds_total About.\n# TYPE a_seconds_total counter\na_seconds_total 1\n# HELP g Go.\n# TYPE g gauge\ng 2\n";
        assert_eq!(classic(open), expected);
    }
}
