//! A job's spans. Its own carries OpenTelemetry's attributes of a generative AI operation, all calls included; the calls' say where and
//! how each ended, without tokens, so that a sum over spans counts none twice.

use std::collections::HashMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use opentelemetry::propagation::TextMapPropagator as _;
use opentelemetry::trace::{
    Event, SpanContext, SpanId, SpanKind, Status, TraceContextExt as _, TraceFlags, TraceId, TraceState,
};
use opentelemetry::{Context, InstrumentationScope, KeyValue, Value};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{IdGenerator as _, RandomIdGenerator, SpanData, SpanEvents, SpanLinks};
use smart_ai_core::Task;

use crate::driver::{JobEnd, MadeCall};
use crate::word::word;

/// Letters of a `traceparent`'s version, trace, span and flags.
const LENGTHS: [usize; 4] = [2, 32, 16, 2];

/// Every span of a job that has ended; none where its client does not record its trace.
pub(super) fn of(end: &JobEnd<'_>) -> Vec<SpanData> {
    let parent = end.traceparent.and_then(parent);
    if parent.as_ref().is_some_and(|parent| !parent.is_sampled()) {
        return Vec::new();
    }
    let trace_id =
        parent.as_ref().map_or_else(|| RandomIdGenerator::default().new_trace_id(), SpanContext::trace_id);
    let scope = InstrumentationScope::builder("smart-ai").with_version(env!("CARGO_PKG_VERSION")).build();
    let trace = Trace { trace_id, scope };
    let mut job = trace.job(end, parent.as_ref().map_or(SpanId::INVALID, SpanContext::span_id));
    job.parent_span_is_remote = parent.is_some();
    let id = job.span_context.span_id();
    let mut spans = Vec::new();
    let waited_until = end.calls.first().map_or(end.ended_at, |call| call.began_at);
    spans.push(trace.span("wait", SpanKind::Internal, id, (end.submitted_at, waited_until)));
    for made in end.calls {
        let call = trace.call(end, made, id);
        if end.outcome.attempt == Some(made.attempt) && end.error.is_none() {
            spans.extend(trace.phases(end, made, call.span_context.span_id()));
        }
        spans.push(call);
    }
    spans.push(job);
    spans
}

/// The client's span, by the W3C header `traceparent`. An invalid one counts as absent.
fn parent(header: &str) -> Option<SpanContext> {
    // The propagator takes shorter numbers, too.
    if !header.trim().split('-').map(str::len).take(4).eq(LENGTHS) {
        return None;
    }
    let headers = HashMap::from([("traceparent".to_owned(), header.to_owned())]);
    let context = TraceContextPropagator::new().extract_with_context(&Context::new(), &headers);
    Some(context.span().span_context().clone()).filter(SpanContext::is_valid)
}

struct Trace {
    trace_id: TraceId,
    scope: InstrumentationScope,
}

impl Trace {
    fn job(&self, end: &JobEnd<'_>, parent_id: SpanId) -> SpanData {
        let (request, outcome) = (end.request, end.outcome);
        let asked = request.model.as_ref().map_or("auto", |model| model.as_str());
        let operation = operation(end);
        let name = format!("{operation} {asked}");
        let mut span = self.span(&name, SpanKind::Client, parent_id, (end.submitted_at, end.ended_at));
        span.attributes = vec![
            KeyValue::new("gen_ai.operation.name", operation),
            KeyValue::new("gen_ai.provider.name", "ollama"),
            text("gen_ai.request.model", asked),
            KeyValue::new("smart_ai.task", request.task.as_str()),
            text("smart_ai.mode", &word(&request.mode)),
            whole("smart_ai.job", end.job.0),
            KeyValue::new("smart_ai.predicted_s", outcome.predicted_ms / 1e3),
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
            let after = Duration::try_from_secs_f64(outcome.ms.first_token / 1e3).unwrap_or_default();
            let event = Event::new("first token", moment(end.submitted_at + after), Vec::new(), 0);
            span.events.events.push(event);
        }
        if let Some(error) = end.error {
            fail(&mut span, &word(&error.code));
        }
        span
    }

    fn call(&self, end: &JobEnd<'_>, made: &MadeCall, job_id: SpanId) -> SpanData {
        let model = made.arm.model.as_str();
        let name = format!("{} {model} on {}", operation(end), made.arm.host);
        let mut span = self.span(&name, SpanKind::Client, job_id, (made.began_at, made.ended_at));
        span.attributes = vec![
            text("gen_ai.request.model", model),
            text("server.address", made.arm.host.as_str()),
            KeyValue::new("smart_ai.outcome", made.outcome),
        ];
        if made.outcome != "ok" {
            fail(&mut span, made.outcome);
        }
        span
    }

    /// Loading, reading and writing by Ollama's count, back from the end: what is left before them is waiting inside Ollama.
    fn phases(&self, end: &JobEnd<'_>, made: &MadeCall, call_id: SpanId) -> Vec<SpanData> {
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
        parent_id: SpanId,
        (from, until): (Duration, Duration),
    ) -> SpanData {
        let id = RandomIdGenerator::default().new_span_id();
        SpanData {
            span_context: SpanContext::new(
                self.trace_id,
                id,
                TraceFlags::SAMPLED,
                false,
                TraceState::default(),
            ),
            parent_span_id: parent_id,
            parent_span_is_remote: false,
            span_kind: kind,
            name: name.to_owned().into(),
            start_time: moment(from),
            end_time: moment(until.max(from)),
            attributes: Vec::new(),
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status: Status::Unset,
            instrumentation_scope: self.scope.clone(),
        }
    }
}

fn operation(end: &JobEnd<'_>) -> &'static str {
    if end.request.task == Task::Embed { "embeddings" } else { "chat" }
}

fn fail(span: &mut SpanData, kind: &str) {
    span.attributes.push(text("error.type", kind));
    span.status = Status::error(kind.to_owned());
}

fn text(key: &'static str, value: &str) -> KeyValue {
    KeyValue::new(key, Value::from(value.to_owned()))
}

fn whole(key: &'static str, value: u64) -> KeyValue {
    KeyValue::new(key, i64::try_from(value).unwrap_or(i64::MAX))
}

fn moment(since_1970: Duration) -> SystemTime {
    UNIX_EPOCH + since_1970
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_standard_says_is_a_parent() {
        let header = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        assert!(parent(header).is_some_and(|parent| parent.is_sampled()));
        assert!(parent(&header.replace("-01", "-00")).is_some_and(|parent| !parent.is_sampled()));
        let wrong = ["", "00-1-2-01", "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"];
        let changed = [
            header.replace("b7ad6b7169203331", "0000000000000000"),
            format!("{header}-00"),
            header.replace('7', "é"),
        ];
        for header in wrong.iter().copied().chain(changed.iter().map(String::as_str)) {
            assert_eq!(parent(header), None, "{header}");
        }
    }
}
