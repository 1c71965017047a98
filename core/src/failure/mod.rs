//! How a call can fail, and what each failure teaches about its host and model.

pub(crate) mod table;

use crate::text::first;
use serde::{Deserialize, Serialize};

pub(crate) use table::{Avoid, Blame, Class};

/// Why an attempt failed. The class decides what the fallback avoids.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize, strum::IntoStaticStr,
)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(export_to = "core.d.ts"))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum FailureKind {
    /// No connection: refused, reset before an answer, name not known.
    Unreachable,
    /// The host's certificate is not accepted: unknown authority, expired, another name.
    CertificateRefused,
    /// The host did not accept the call in time.
    ConnectTimeout,
    /// Loading took longer than the caller can wait; the load goes on.
    LoadTimeout,
    /// Nothing came although the model was loaded.
    FirstTokenTimeout,
    /// Tokens stopped coming.
    Stalled,
    /// The host's queue is full (503).
    Busy,
    /// Too many requests (429).
    RateLimited,
    /// Key missing or refused (401, 403).
    Unauthorized,
    /// The host does not have the model (404).
    ModelMissing,
    /// Not enough memory to load or run the model.
    OutOfMemory,
    /// The prompt does not fit the model's context.
    ContextTooSmall,
    /// The model lacks a capability the request needs.
    NotCapable,
    /// The runner crashed, or the server reported another internal error (5xx).
    ServerError,
    /// The request itself was refused (other 4xx): every arm would refuse it.
    BadRequest,
    /// The host lacks the route of the call (404 or 405 without a word on the model, 501): an older server, or another program.
    RouteMissing,
    /// The request is larger than the host takes (413).
    TooLarge,
    /// The account behind a cloud model may not use it now: limit reached (429), payment (402), sign-in or subscription (401, 403).
    AccountRefused,
    /// The model computed NaN for this input: the same input fails again, others do not.
    InputFailed,
    /// The answer is longer than can be held until it is whole.
    AnswerTooLong,
    /// The answer broke off: connection cut, error line, or end without the final line.
    CutOff,
    /// What came is not Ollama's protocol (HTML, other JSON, garbage).
    BadProtocol,
    /// The answer is not the JSON it was asked to be.
    InvalidAnswer,
    /// The answer holds no text.
    EmptyAnswer,
    /// The model refuses to answer.
    RefusedAnswer,
}

impl FailureKind {
    /// The stable word used in every interface.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// What the failure means for the next call.
    pub(crate) fn class(self) -> Class {
        table::class(self)
    }

    /// What the failure means if the model runs in the cloud, behind an account of its own: a limit or a missing sign-in says nothing
    /// about the host.
    pub(crate) fn of_arm(self, remote: bool) -> Self {
        if remote { table::of_account(self) } else { self }
    }

    /// Whether the host could not be reached, which a look can disprove.
    pub(crate) fn is_of_connection(self) -> bool {
        matches!(
            self,
            Self::Unreachable | Self::ConnectTimeout | Self::Unauthorized | Self::CertificateRefused
        )
    }
}

/// One failure with what the server said.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(export_to = "core.d.ts", optional_fields))]
#[serde(deny_unknown_fields)]
pub struct Failure {
    /// The class.
    pub kind: FailureKind,
    /// The server's or the system's own words, shortened; never the prompt.
    #[serde(default)]
    pub detail: String,
    /// Milliseconds the server asked to wait (`Retry-After`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "typescript", ts(type = "number | null", optional))]
    pub retry_after_ms: Option<u64>,
}

impl Failure {
    /// A failure with the server's words, cut to 300 characters.
    pub fn new(kind: FailureKind, detail: impl AsRef<str>) -> Self {
        Self::of(kind, detail.as_ref())
    }

    fn of(kind: FailureKind, detail: &str) -> Self {
        Self { kind, detail: first(detail, 300).0.to_owned(), retry_after_ms: None }
    }
}

/// How a job can end without an answer. Codes are stable.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(export_to = "core.d.ts"))]
pub struct DispatchError {
    /// Stable word: see [`DispatchErrorCode`].
    pub code: DispatchErrorCode,
    /// What happened.
    pub message: String,
    /// What to do about it.
    pub hint: String,
    /// Milliseconds after which asking again may well succeed, where that can be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "typescript", ts(type = "number | null", optional))]
    pub retry_after_ms: Option<u64>,
}

/// The stable words of [`DispatchError`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, strum::IntoStaticStr)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(export_to = "core.d.ts"))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum DispatchErrorCode {
    /// The request cannot be served as it is: an empty prompt, an impossible number.
    InvalidRequest,
    /// The pinned model is on no host.
    UnknownModel,
    /// The pinned host is not in the fleet.
    UnknownHost,
    /// No host of the fleet answers.
    NoHost,
    /// Hosts answer, but none has a model that could serve this request.
    NoModel,
    /// The prompt fits no model's context.
    ContextTooSmall,
    /// The owner's limits leave no host.
    OverLimit,
    /// No host of the fleet has the route of the call.
    RouteMissing,
    /// `max_queue` jobs wait already.
    Overloaded,
    /// Every key was refused.
    Unauthorized,
    /// The server refused the request itself.
    RequestRefused,
    /// The deadline passed.
    DeadlineExceeded,
    /// Every arm that was tried failed.
    AllFailed,
    /// No model that may serve gave a usable answer; the text of the last one is kept.
    InvalidAnswer,
    /// The answer broke off after text had been handed out.
    CutOff,
    /// The caller cancelled.
    Cancelled,
    /// The client stopped reading its answer.
    ClientSlow,
}

impl DispatchErrorCode {
    /// The stable word used in every interface.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

impl DispatchError {
    /// An error with its remedy.
    pub fn new(code: DispatchErrorCode, message: impl AsRef<str>, hint: impl AsRef<str>) -> Self {
        Self::of(code, message.as_ref(), hint.as_ref())
    }

    fn of(code: DispatchErrorCode, message: &str, hint: &str) -> Self {
        Self { code, message: message.to_owned(), hint: hint.to_owned(), retry_after_ms: None }
    }

    /// This error, with the milliseconds after which asking again may help.
    pub(crate) fn again_after(self, ms: u64) -> Self {
        Self { retry_after_ms: Some(ms), ..self }
    }
}
