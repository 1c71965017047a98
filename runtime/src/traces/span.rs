//! A job's spans. Its own carries OpenTelemetry's attributes of a generative AI operation, all calls included; the calls' say where and
//! how each ended, without tokens, so that a sum over spans counts none twice.

use std::time::Duration;

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::span::{Event, SpanKind};
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{Span, Status};
use opentelemetry_sdk::trace::{IdGenerator as _, RandomIdGenerator};
use smart_ai_core::Task;

use super::parent::Parent;
use crate::driver::{JobEnd, MadeCall};
use crate::word::word;

/// Every span of a job that has ended; none where its client does not record its trace.
pub(super) fn of(end: &JobEnd<'_>) -> Vec<Span> {
    let parent = end.traceparent.and_then(Parent::read);
    if parent.as_ref().is_some_and(|parent| !parent.sampled) {
        return Vec::new();
    }
    let trace = Trace {
        trace_id: match &parent {
            Some(parent) => parent.trace_id.clone(),
            None => RandomIdGenerator::default().new_trace_id().to_bytes().to_vec(),
        },
    };
    let parent_id = parent.map(|parent| parent.span_id).unwrap_or_default();
    let job = trace.job(end, &parent_id);
    let mut spans = Vec::new();
    let waited_until = end.calls.first().map_or(end.ended_at, |call| call.began_at);
    spans.push(trace.span("wait", SpanKind::Internal, &job.span_id, (end.submitted_at, waited_until)));
    for made in end.calls {
        let call = trace.call(end, made, &job.span_id);
        if end.outcome.attempt == Some(made.attempt) && end.error.is_none() {
            spans.extend(trace.phases(end, made, &call.span_id));
        }
        spans.push(call);
    }
    spans.push(job);
    spans
}

struct Trace {
    trace_id: Vec<u8>,
}

impl Trace {
    fn job(&self, end: &JobEnd<'_>, parent_id: &[u8]) -> Span {
        let (request, outcome) = (end.request, end.outcome);
        let asked = request.model.as_ref().map_or("auto", |model| model.as_str());
        let operation = operation(end);
        let mut span = self.span(
            &format!("{operation} {asked}"),
            SpanKind::Client,
            parent_id,
            (end.submitted_at, end.ended_at),
        );
        span.attributes = vec![
            text("gen_ai.operation.name", operation),
            text("gen_ai.provider.name", "ollama"),
            text("gen_ai.request.model", asked),
            text("smart_ai.task", request.task.as_str()),
            text("smart_ai.mode", &word(&request.mode)),
            whole("smart_ai.job", end.job.0),
            number("smart_ai.predicted_s", outcome.predicted_ms / 1e3),
        ];
        let mut add = |attribute: Option<KeyValue>| span.attributes.extend(attribute);
        add(request.max_tokens.map(|tokens| whole("gen_ai.request.max_tokens", tokens.into())));
        add(outcome.model.as_ref().map(|model| text("gen_ai.response.model", model.as_str())));
        add(outcome.host.as_ref().map(|host| text("server.address", host.as_str())));
        if end.error.is_none() {
            add(Some(whole("gen_ai.usage.input_tokens", outcome.usage.prompt_tokens.into())));
            add(Some(whole("gen_ai.usage.output_tokens", outcome.usage.output_tokens.into())));
        }
        add(request.shape.as_ref().map(|shape| text("smart_ai.shape", shape.as_str())));
        add(end.decision.map(|decision| text("smart_ai.decision", &decision.reason)));
        if outcome.ms.first_token > 0.0 {
            let at = end.submitted_at + Duration::from_secs_f64(outcome.ms.first_token / 1e3);
            span.events =
                vec![Event { time_unix_nano: nanos(at), name: "first token".to_owned(), ..Event::default() }];
        }
        if let Some(error) = end.error {
            fail(&mut span, &word(&error.code));
        }
        span
    }

    fn call(&self, end: &JobEnd<'_>, made: &MadeCall, job_id: &[u8]) -> Span {
        let model = made.arm.model.as_str();
        let name = format!("{} {model} on {}", operation(end), made.arm.host);
        let mut span = self.span(&name, SpanKind::Client, job_id, (made.began_at, made.ended_at));
        span.attributes = vec![
            text("gen_ai.request.model", model),
            text("server.address", made.arm.host.as_str()),
            text("smart_ai.outcome", made.outcome),
        ];
        if made.outcome != "ok" {
            fail(&mut span, made.outcome);
        }
        span
    }

    /// Loading, reading and writing by Ollama's count, back from the end: what is left before them is waiting inside Ollama.
    fn phases(&self, end: &JobEnd<'_>, made: &MadeCall, call_id: &[u8]) -> Vec<Span> {
        let usage = &end.outcome.usage;
        let mut until = made.ended_at;
        let mut spans = Vec::new();
        for (name, ms) in [("write", usage.output_ms), ("read", usage.prompt_ms), ("load", usage.load_ms)] {
            let took = Duration::try_from_secs_f64(ms / 1e3).unwrap_or_default();
            let from = until.saturating_sub(took).max(made.began_at);
            if from < until {
                spans.push(self.span(name, SpanKind::Internal, call_id, (from, until)));
            }
            until = from;
        }
        spans
    }

    fn span(
        &self,
        name: &str,
        kind: SpanKind,
        parent_id: &[u8],
        (from, until): (Duration, Duration),
    ) -> Span {
        Span {
            trace_id: self.trace_id.clone(),
            span_id: RandomIdGenerator::default().new_span_id().to_bytes().to_vec(),
            parent_span_id: parent_id.to_vec(),
            // Sampled.
            flags: 1,
            name: name.to_owned(),
            kind: kind.into(),
            start_time_unix_nano: nanos(from),
            end_time_unix_nano: nanos(until.max(from)),
            ..Span::default()
        }
    }
}

fn operation(end: &JobEnd<'_>) -> &'static str {
    if end.request.task == Task::Embed { "embeddings" } else { "chat" }
}

fn fail(span: &mut Span, kind: &str) {
    span.attributes.push(text("error.type", kind));
    span.status = Some(Status { message: kind.to_owned(), code: StatusCode::Error.into() });
}

/// An attribute.
pub(super) fn text(key: &str, value: &str) -> KeyValue {
    attribute(key, Value::StringValue(value.to_owned()))
}

fn whole(key: &str, value: u64) -> KeyValue {
    attribute(key, Value::IntValue(i64::try_from(value).unwrap_or(i64::MAX)))
}

fn number(key: &str, value: f64) -> KeyValue {
    attribute(key, Value::DoubleValue(value))
}

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

fn nanos(since_1970: Duration) -> u64 {
    u64::try_from(since_1970.as_nanos()).unwrap_or(u64::MAX)
}
