//! One call of one arm, from its request to its judged end, without any I/O: a driver sends what [`Call::request`] gives, hands over
//! what comes of it, and carries out the steps it is given.

use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use super::answer_reader::{ANSWER_MAX, AnswerReader, Piece, answer_too_long};
use super::ask::Ask;
use super::body::message;
use super::outgoing::Outgoing;
use super::progress::Progress;
use super::verdict::{Verdict, repair_prompt};
use super::{Answer, BODY_MAX, Embeddings, failure_of_connection, failure_of_status, read_embeddings};
use crate::decision::Decision;
use crate::effect::{CallOptions, Outcome};
use crate::event::{Event, Usage};
use crate::failure::{DispatchError, Failure, FailureKind};
use crate::names::{AttemptId, Millis, ModelName};

/// What a driver does next for a call. Once a response has ended, the last step is `Again` or `Ended`.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(export_to = "core.d.ts"))]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum CallStep {
    /// Hand the event to the dispatcher.
    Event {
        /// About this call.
        event: Event,
    },
    /// Give the caller more of its answer; only of an answer that is handed out as it comes.
    Text {
        /// The text.
        text: String,
    },
    /// Say by [`Call::checked`] whether the answer fits the schema.
    Check {
        /// A JSON schema, or `"json"`.
        #[cfg_attr(feature = "typescript", ts(type = "unknown"))]
        schema: Value,
        /// JSON.
        answer: String,
    },
    /// Read no more of this response; send the request once more, to the same host.
    Again,
    /// Read no more of this response: the call is over.
    Ended {
        /// `Succeeded` or `Failed`, for the dispatcher.
        event: Event,
    },
}

/// A call and what it has brought.
#[derive(Debug)]
pub struct Call {
    ask: Arc<Ask>,
    attempt: AttemptId,
    model: ModelName,
    options: CallOptions,
    /// Text is handed out as it comes; otherwise the whole answer is judged before it counts.
    streams: bool,
    /// What the model is told after an answer that does not fit its schema.
    repair: Vec<Value>,
    state: State,
    progress: Progress,
    usage: Usage,
    text: String,
    thinking: String,
    tool_calls: Vec<Value>,
    embeddings: Option<Vec<Vec<f64>>>,
}

#[derive(Debug)]
enum State {
    /// No response yet.
    Sent,
    /// A status other than 200; its body says why.
    Refused {
        status: u16,
        retry_after: Option<String>,
        location: Option<String>,
        body: Vec<u8>,
    },
    /// Vectors, which come as one JSON text.
    Embedding {
        body: Vec<u8>,
    },
    /// A streamed answer.
    Answering(AnswerReader),
    /// A whole answer, of which the driver checks the schema.
    Checking,
    Over,
}

impl Call {
    /// A call whose request is to be sent. `streams`: the caller gets the text as it comes, so that nothing of it is taken back.
    pub fn new(
        ask: Arc<Ask>,
        attempt: AttemptId,
        model: ModelName,
        options: CallOptions,
        streams: bool,
    ) -> Self {
        Self {
            ask,
            attempt,
            model,
            options,
            streams,
            repair: Vec::new(),
            state: State::Sent,
            progress: Progress::new(attempt),
            usage: Usage::default(),
            text: String::new(),
            thinking: String::new(),
            tool_calls: Vec::new(),
            embeddings: None,
        }
    }

    /// What to send to the host.
    pub fn request(&self) -> Outgoing {
        let body = self.ask.body_with(self.model.as_str(), &self.options, &self.repair);
        let streams = !self.ask.embeds();
        Outgoing { streams, ..Outgoing::json(self.ask.endpoint(), &body) }
    }

    /// The head of the response; `retry_after` and `location` are the headers' values.
    pub fn answered(
        &mut self,
        status: u16,
        retry_after: Option<String>,
        location: Option<String>,
    ) -> Vec<CallStep> {
        if status != 200 {
            self.state = State::Refused { status, retry_after, location, body: Vec::new() };
            return Vec::new();
        }
        self.state = if self.ask.embeds() {
            State::Embedding { body: Vec::new() }
        } else {
            State::Answering(AnswerReader::new())
        };
        // The dispatcher is told of one start for each call: a request that is sent again begins nothing new.
        if self.repair.is_empty() {
            return vec![CallStep::Event { event: Event::Started { attempt: self.attempt } }];
        }
        self.text.clear();
        self.thinking.clear();
        Vec::new()
    }

    /// Takes bytes of the response's body as they come, cut anywhere.
    pub fn push(&mut self, now: Millis, bytes: &[u8]) -> Vec<CallStep> {
        match &mut self.state {
            State::Answering(reader) => {
                let pieces = reader.push(bytes);
                self.take(now, pieces)
            }
            State::Refused { body, .. } => {
                // The first part of a page is enough to tell what it is.
                let room = BODY_MAX.saturating_sub(body.len());
                body.extend(bytes.iter().take(room));
                Vec::new()
            }
            State::Embedding { body } if body.len() + bytes.len() > ANSWER_MAX => {
                self.fail(answer_too_long())
            }
            State::Embedding { body } => {
                body.extend_from_slice(bytes);
                Vec::new()
            }
            State::Sent | State::Checking | State::Over => Vec::new(),
        }
    }

    /// The body of the response has ended.
    pub fn finish(&mut self, now: Millis) -> Vec<CallStep> {
        match std::mem::replace(&mut self.state, State::Over) {
            State::Answering(mut reader) => {
                let pieces = reader.end();
                self.take(now, pieces)
            }
            State::Refused { status, retry_after, location, body } => {
                let body = String::from_utf8_lossy(&body);
                self.fail(failure_of_status(status, &body, retry_after.as_deref(), location.as_deref()))
            }
            State::Embedding { body } => match read_embeddings(&String::from_utf8_lossy(&body)) {
                Ok(Embeddings { embeddings, usage }) => {
                    self.embeddings = Some(embeddings);
                    self.usage = usage;
                    self.succeed()
                }
                Err(failure) => self.fail(failure),
            },
            state @ (State::Sent | State::Checking | State::Over) => {
                self.state = state;
                Vec::new()
            }
        }
    }

    /// The connection could not be made or did not last. `code` is the system's word for it, such as `ECONNREFUSED`.
    pub fn lost(&mut self, now: Millis, code: Option<&str>, message: &str) -> Vec<CallStep> {
        match self.state {
            // The reader tells what is missing; of a refusal the status is enough.
            State::Answering(_) | State::Refused { .. } => self.finish(now),
            State::Embedding { .. } => {
                let failure = failure_of_connection(code, message);
                self.fail(Failure::new(FailureKind::CutOff, failure.detail))
            }
            State::Sent => self.fail(failure_of_connection(code, message)),
            State::Checking | State::Over => Vec::new(),
        }
    }

    /// Answers [`CallStep::Check`]: `misfit` says what of the answer does not fit its schema, without any value of it; absent where
    /// it fits. The model that answered is told so once, and asked again.
    pub fn checked(&mut self, misfit: Option<&str>) -> Vec<CallStep> {
        if !matches!(self.state, State::Checking) {
            return Vec::new();
        }
        let Some(misfit) = misfit else { return self.succeed() };
        if !self.repair.is_empty() {
            return self.fail(Failure::new(FailureKind::InvalidAnswer, misfit));
        }
        self.repair = vec![message("assistant", &self.text), message("user", &repair_prompt(misfit))];
        self.state = State::Sent;
        vec![CallStep::Again]
    }

    /// The text that has come so far.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The answer of its job, which takes what the call has brought. `error`: the job ended without an answer.
    pub fn answer(
        &mut self,
        error: Option<DispatchError>,
        outcome: Outcome,
        decision: Option<Decision>,
    ) -> Answer {
        let mut answer = self.ask.answer(error, outcome, decision);
        answer.text = std::mem::take(&mut self.text);
        answer.embeddings = self.embeddings.take().filter(|_| answer.ok);
        answer.thinking = Some(std::mem::take(&mut self.thinking)).filter(|text| !text.is_empty());
        let calls = std::mem::take(&mut self.tool_calls);
        answer.tool_calls = (!calls.is_empty()).then(|| calls.into());
        answer
    }

    fn take(&mut self, now: Millis, pieces: Vec<Piece>) -> Vec<CallStep> {
        let mut steps = Vec::new();
        for piece in pieces {
            match piece {
                Piece::Text { text } => {
                    self.text.push_str(&text);
                    steps.extend(self.shown(now));
                    if self.streams {
                        steps.push(CallStep::Text { text });
                    }
                }
                Piece::Thinking { text } => {
                    self.thinking.push_str(&text);
                    steps.extend(self.shown(now));
                }
                Piece::ToolCalls { calls } => {
                    self.tool_calls.extend(calls.as_array().cloned().unwrap_or_default());
                    steps.extend(self.shown(now));
                }
                Piece::Done { usage, reason } => steps.extend(self.done(usage, &reason)),
                Piece::Failed { failure } => steps.extend(self.fail(failure)),
            }
        }
        steps
    }

    fn shown(&mut self, now: Millis) -> Option<CallStep> {
        self.progress.piece(now).map(|event| CallStep::Event { event })
    }

    /// The final line has come.
    fn done(&mut self, usage: Usage, reason: &str) -> Vec<CallStep> {
        self.usage += usage;
        if self.streams || !self.tool_calls.is_empty() {
            return self.succeed();
        }
        let Verdict { text, failure } = self.ask.verdict(&self.text, reason);
        self.text = text;
        match (failure, &self.ask.schema) {
            (Some(failure), _) => self.fail(failure),
            (None, None) => self.succeed(),
            (None, Some(schema)) => {
                self.state = State::Checking;
                vec![CallStep::Check { schema: schema.clone(), answer: self.text.clone() }]
            }
        }
    }

    fn succeed(&mut self) -> Vec<CallStep> {
        self.state = State::Over;
        vec![CallStep::Ended { event: Event::Succeeded { attempt: self.attempt, usage: self.usage } }]
    }

    fn fail(&mut self, failure: Failure) -> Vec<CallStep> {
        self.state = State::Over;
        vec![CallStep::Ended { event: Event::Failed { attempt: self.attempt, failure } }]
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::panic, clippy::indexing_slicing, reason = "a test stops at the first surprise")]
    use super::*;

    const NOW: Millis = Millis(1_000);

    fn call(ask: &str, streams: bool) -> Call {
        let ask = Ask::from_json(ask).unwrap_or_else(|error| panic!("{}", error.message));
        Call::new(Arc::new(ask), AttemptId(7), "m".into(), CallOptions::default(), streams)
    }

    /// A whole response with this text.
    fn says(call: &mut Call, text: &str) -> Vec<CallStep> {
        let mut steps = call.answered(200, None, None);
        let line = serde_json::json!({
            "message": { "role": "assistant", "content": text }, "done": true, "done_reason": "stop", "eval_count": 2,
        });
        steps.extend(call.push(NOW, format!("{line}\n").as_bytes()));
        steps
    }

    fn failure(steps: &[CallStep]) -> Option<&Failure> {
        match steps.last() {
            Some(CallStep::Ended { event: Event::Failed { failure, .. } }) => Some(failure),
            _ => None,
        }
    }

    #[test]
    fn an_answer_that_does_not_fit_is_asked_for_once_more_and_both_are_paid_for() {
        let ask = r#"{"prompt":"How old?","images":["aW1n"],"schema":{"type":"object"}}"#;
        let mut call = call(ask, false);
        let steps = says(&mut call, "[1]");
        assert_eq!(steps[0], CallStep::Event { event: Event::Started { attempt: AttemptId(7) } });
        let Some(CallStep::Check { schema, answer }) = steps.last() else { panic!("{steps:?}") };
        assert_eq!((schema.to_string().as_str(), answer.as_str()), (r#"{"type":"object"}"#, "[1]"));
        assert_eq!(call.checked(Some("the answer: is no object")), [CallStep::Again]);
        let body = call.request().body.map(|body| body.text).unwrap_or_default();
        let body: Value = serde_json::from_str(&body).unwrap_or_default();
        let messages = &body["messages"];
        assert_eq!(messages[0]["images"], serde_json::json!(["aW1n"]), "a picture stays with its question");
        assert_eq!((&messages[1]["role"], &messages[1]["content"]), (&"assistant".into(), &"[1]".into()));
        assert!(messages[2]["content"].as_str().is_some_and(|text| text.contains("is no object")));
        let again = says(&mut call, "{}");
        assert!(!again.iter().any(|step| matches!(step, CallStep::Event { event: Event::Started { .. } })));
        let last = call.checked(None);
        let Some(CallStep::Ended { event: Event::Succeeded { usage, .. } }) = last.last() else {
            panic!("{last:?}")
        };
        assert_eq!((usage.output_tokens, call.text()), (4, "{}"));
    }

    #[test]
    fn a_second_answer_that_does_not_fit_ends_the_call() {
        let mut call = call(r#"{"prompt":"How old?","schema":{"type":"object"}}"#, false);
        says(&mut call, "[1]");
        call.checked(Some("first"));
        says(&mut call, "[2]");
        let steps = call.checked(Some("second"));
        let failure = failure(&steps).map(|failure| (failure.kind, failure.detail.as_str()));
        assert_eq!(failure, Some((FailureKind::InvalidAnswer, "second")));
    }

    #[test]
    fn the_text_of_a_call_that_was_cut_short_is_in_the_answer() {
        let mut call = call(r#"{"id":"a","prompt":"Hi"}"#, false);
        call.answered(200, None, None);
        call.push(NOW, b"{\"message\":{\"content\":\"Half\"},\"done\":false}\n");
        let error = DispatchError::new(crate::DispatchErrorCode::DeadlineExceeded, "late", "wait");
        let answer = call.answer(Some(error), Outcome::default(), None);
        assert_eq!((answer.ok, answer.text.as_str(), answer.id), (false, "Half", "a".into()));
    }

    #[test]
    fn a_first_piece_is_told_before_its_text_and_later_ones_four_times_a_second() {
        let mut call = call(r#"{"prompt":"Hi"}"#, true);
        call.answered(200, None, None);
        let mut told = |ms: u64| {
            let line = b"{\"message\":{\"content\":\"x\"},\"done\":false}\n";
            let steps = call.push(Millis(1_000 + ms), line);
            steps.into_iter().map(|step| match step {
                CallStep::Event { event: Event::FirstToken { .. } } => "first".to_owned(),
                CallStep::Event { event: Event::Progress { tokens, .. } } => format!("progress {tokens}"),
                CallStep::Text { text } => text,
                step @ (CallStep::Event { .. }
                | CallStep::Check { .. }
                | CallStep::Again
                | CallStep::Ended { .. }) => panic!("{step:?}"),
            })
        };
        assert!(told(0).eq(["first", "x"]));
        assert!(told(249).eq(["x"]));
        assert!(told(250).eq(["progress 3", "x"]));
    }

    #[test]
    fn vectors_that_break_off_are_cut_off() {
        let mut call = call(r#"{"prompt":"Hi","task":"embed"}"#, false);
        assert!(!call.request().streams);
        call.answered(200, None, None);
        call.push(NOW, b"{\"embeddings\":[[1");
        let steps = call.lost(NOW, Some("ECONNRESET"), "aborted");
        assert_eq!(failure(&steps).map(|failure| failure.kind), Some(FailureKind::CutOff));
    }

    #[test]
    fn a_refusal_is_what_its_status_and_its_body_say() {
        const ASK: &str = r#"{"prompt":"Hi"}"#;
        let (mut call, mut broken_off) = (call(ASK, false), call(ASK, false));
        assert_eq!(call.answered(503, Some("2".to_owned()), None), []);
        call.push(NOW, br#"{"error":"server busy, please try again"}"#);
        let steps = call.finish(NOW);
        assert_eq!(failure(&steps).and_then(|failure| failure.retry_after_ms), Some(2_000));
        broken_off.answered(503, None, None);
        let steps = broken_off.lost(NOW, Some("ECONNRESET"), "aborted");
        assert_eq!(failure(&steps).map(|failure| failure.kind), Some(FailureKind::Busy));
    }
}
