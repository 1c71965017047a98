//! What a look at a host or at the metrics brought, and the event it makes. A driver fetches; the rules are here.

use super::{
    AnswerReader, Piece, failure_of_connection, failure_of_status, read_metrics, read_ps, read_show,
    read_tags, read_version,
};
use crate::event::{HostReport, HostState, ModelState, SignalsState};
use crate::failure::{Failure, FailureKind};
use serde::{Deserialize, Serialize};

/// Bytes the body of a short exchange may have. A longer one counts as a lost connection.
pub const BODY_MAX: usize = 4 << 20;

/// One HTTP exchange, as it ended.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(export_to = "core.d.ts", optional_fields = nullable))]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Reply {
    /// The server answered, with whatever status.
    Answered {
        /// The HTTP status.
        status: u16,
        /// The whole body.
        body: String,
        /// The header `Retry-After`.
        #[serde(default)]
        retry_after: Option<String>,
        /// The header `Location`: where a redirect leads, which nobody follows.
        #[serde(default)]
        location: Option<String>,
        /// The header `Date`: the server's own clock.
        #[serde(default)]
        date: Option<String>,
    },
    /// No answer came.
    Lost {
        /// The system's word: `ECONNREFUSED`.
        #[serde(default)]
        code: Option<String>,
        /// Its words.
        message: String,
    },
}

impl Reply {
    /// The failure, unless the status is a success; then the body.
    ///
    /// # Errors
    /// What the status or the lost connection means.
    pub fn body(&self) -> Result<&str, Failure> {
        match self {
            Self::Answered { status: 200..=299, body, .. } => Ok(body),
            Self::Answered { .. } | Self::Lost { .. } => Err(self.failure()),
        }
    }

    /// What its status or the lost connection means, where it is not what was asked for.
    pub fn failure(&self) -> Failure {
        match self {
            Self::Answered { status, body, retry_after, location, .. } => {
                failure_of_status(*status, body, retry_after.as_deref(), location.as_deref())
            }
            Self::Lost { code, message } => failure_of_connection(code.as_deref(), message),
        }
    }
}

/// `/api/version`, `/api/tags` and `/api/ps` of one host. It is down when its tags cannot be had; any other part may be missing.
pub(super) fn host_state(version: &Reply, tags: &Reply, resident: &Reply) -> HostState {
    let models = match tags.body().and_then(read_tags) {
        Ok(models) => models,
        Err(failure) => return HostState::Down(failure),
    };
    let date = match resident {
        Reply::Answered { date, .. } => date.as_deref(),
        Reply::Lost { .. } => None,
    };
    HostState::Up(HostReport {
        version: version.body().and_then(read_version).ok(),
        models: Some(models),
        resident: resident.body().and_then(|body| read_ps(body, date)).ok(),
    })
}

/// `/api/show` of one model.
pub(super) fn model_state(show: &Reply) -> ModelState {
    show.body().and_then(read_show).map_or_else(ModelState::Unknown, ModelState::Known)
}

/// The answer to an ask of one token: why none came.
pub fn canary_failure(answer: &Reply) -> Option<Failure> {
    match answer.body() {
        Ok(body) => {
            let mut reader = AnswerReader::new();
            let pieces = reader.push(body.as_bytes());
            pieces.into_iter().chain(reader.finish()).find_map(|piece| match piece {
                Piece::Failed { failure } => Some(failure),
                Piece::Text { .. }
                | Piece::Thinking { .. }
                | Piece::ToolCalls { .. }
                | Piece::Done { .. } => None,
            })
        }
        // The connection stood: a look has just gone through.
        Err(failure) if failure.kind == FailureKind::ConnectTimeout => {
            Some(Failure { kind: FailureKind::FirstTokenTimeout, ..failure })
        }
        Err(failure) => Some(failure),
    }
}

/// The answer to the metrics query.
pub(super) fn signals_state(reply: &Reply) -> SignalsState {
    let samples = match reply {
        Reply::Answered { status, body, .. } => read_metrics(*status, body),
        Reply::Lost { code, message } => Err(failure_of_connection(code.as_deref(), message)),
    };
    samples.map_or_else(SignalsState::Down, SignalsState::Up)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::panic, reason = "a test stops at the first surprise")]
    use super::*;

    fn ok(body: &str) -> Reply {
        Reply::Answered { status: 200, body: body.into(), retry_after: None, location: None, date: None }
    }

    fn lost() -> Reply {
        Reply::Lost { code: Some("ECONNREFUSED".into()), message: "connect".into() }
    }

    #[test]
    fn a_host_that_lists_its_models_is_up_even_if_the_rest_is_missing() {
        let HostState::Up(report) = host_state(&lost(), &ok(r#"{"models":[]}"#), &ok("<html>")) else {
            panic!("down");
        };
        assert_eq!(report, HostReport { version: None, models: Some(Vec::new()), resident: None });
    }

    #[test]
    fn a_host_without_tags_is_down_for_their_reason() {
        let version = ok(r#"{"version":"0.24.0"}"#);
        let HostState::Down(failure) = host_state(&version, &lost(), &lost()) else {
            panic!("up");
        };
        assert_eq!(failure.kind, FailureKind::Unreachable);
        let status = |status, location: Option<&str>| Reply::Answered {
            status,
            body: String::new(),
            retry_after: None,
            location: location.map(str::to_owned),
            date: None,
        };
        let failure = |tags: &Reply| match host_state(&version, tags, &lost()) {
            HostState::Up(_) => panic!("up"),
            HostState::Down(failure) => failure,
        };
        assert_eq!(failure(&status(401, None)).kind, FailureKind::Unauthorized);
        let moved =
            failure(&status(302, Some("https://ann:hunter2@sso.example/login?token=hunter2#hunter2")));
        assert_eq!(moved.kind, FailureKind::BadProtocol);
        assert_eq!(moved.detail, "it redirects to https://sso.example/login (status 302)");
        assert!(crate::wire::remedy(&moved.detail).is_some_and(|fix| fix.contains("api_key")));
    }

    #[test]
    fn a_canary_lives_that_brings_its_final_line() {
        let kind = |reply: &Reply| canary_failure(reply).map(|failure| failure.kind);
        let token = r#"{"message":{"role":"assistant","content":"H"},"done":false}"#;
        let last = r#"{"message":{"role":"assistant","content":""},"done":true,"done_reason":"length"}"#;
        assert_eq!(kind(&ok(&format!("{token}\n{last}\n"))), None);
        assert_eq!(kind(&ok(&format!("{token}\n"))), Some(FailureKind::CutOff));
        assert_eq!(
            kind(&ok("{\"error\":\"model runner has unexpectedly stopped\"}\n")),
            Some(FailureKind::ServerError)
        );
        let late = Reply::Lost { code: Some("ETIMEDOUT".into()), message: String::new() };
        assert_eq!(kind(&late), Some(FailureKind::FirstTokenTimeout));
        assert_eq!(kind(&lost()), Some(FailureKind::Unreachable));
    }
}
