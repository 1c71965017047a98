//! Traces against a collector of our own that decodes what OTLP carries.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::{Router, routing::post};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode as SpanStatus;
use prost::Message as _;
use serde_json::json;
use smart_ai::{FleetConfig, ServeOptions, Serving, TracesConfig, serve};
use smart_ai_sim::{Config, FakeOllama, Fault, FaultKind, ModelConfig};
use tokio::net::TcpListener;
use tokio::sync::watch;

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

const CLIENT_TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const CLIENT_SPAN: &str = "b7ad6b7169203331";
const SECRET: &str = "the secret of the prompt";

/// A collector that keeps what it is sent.
struct Collector {
    url: String,
    kept: Arc<Mutex<Vec<(HeaderMap, ExportTraceServiceRequest)>>>,
    count: watch::Receiver<usize>,
}

impl Collector {
    /// It refuses this many requests as busy, then takes them.
    async fn start(refuse: usize) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let kept = Arc::new(Mutex::new(Vec::new()));
        let (sender, count) = watch::channel(0);
        let (taken, refusals) = (Arc::clone(&kept), Arc::new(Mutex::new(refuse)));
        let take = move |headers: HeaderMap, body: Bytes| async move {
            let mut refusals = refusals.lock().unwrap_or_else(PoisonError::into_inner);
            if *refusals > 0 {
                *refusals -= 1;
                return StatusCode::SERVICE_UNAVAILABLE;
            }
            let Ok(request) = ExportTraceServiceRequest::decode(body) else { return StatusCode::BAD_REQUEST };
            let mut taken = taken.lock().unwrap_or_else(PoisonError::into_inner);
            taken.push((headers, request));
            sender.send_replace(taken.len());
            StatusCode::OK
        };
        let router = Router::new().route("/v1/traces", post(take));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { url, kept, count })
    }

    /// Every span of the first requests, once there are so many.
    async fn spans(&mut self, requests: usize) -> Result<Vec<Span>> {
        tokio::time::timeout(Duration::from_secs(30), self.count.wait_for(|count| *count >= requests))
            .await??;
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let scopes = kept.iter().flat_map(|(_, request)| &request.resource_spans);
        Ok(scopes.flat_map(|resource| &resource.scope_spans).flat_map(|scope| scope.spans.clone()).collect())
    }
}

async fn sidecar(hosts: &[&FakeOllama], traces: TracesConfig) -> Result<Serving> {
    let hosts: Vec<_> = hosts
        .iter()
        .enumerate()
        .map(|(at, host)| json!({"id": format!("h{at}"), "url": host.url()}))
        .collect();
    let config = FleetConfig::from_json(&json!({ "hosts": hosts, "models": [] }).to_string())?;
    let any = "127.0.0.1:0".parse()?;
    let options = ServeOptions {
        metrics: any,
        proxy: any,
        allow_remote: false,
        max_body: 1 << 20,
        max_bodies: 1 << 24,
        access: smart_ai::Access::default(),
        max_connections: 64,
        poll: Duration::from_secs(5),
        drain: Duration::from_secs(5),
        history: None,
        traces: Some(traces),
        standby: false,
    };
    Ok(serve(&config, &options).await?)
}

async fn chat(sidecar: &Serving, traceparent: Option<&str>) -> Result {
    let body = json!({"model": "auto", "messages": [{"role": "user", "content": SECRET}]});
    let mut request = reqwest::Client::builder()
        .no_proxy()
        .build()?
        .post(format!("http://{}/api/chat", sidecar.proxy))
        .body(body.to_string());
    if let Some(traceparent) = traceparent {
        request = request.header("traceparent", traceparent);
    }
    request.send().await?.error_for_status()?.text().await?;
    Ok(())
}

fn attributes(span: &Span) -> BTreeMap<&str, String> {
    let value = |value: &Value| {
        if let Value::StringValue(text) = value { text.clone() } else { format!("{value:?}") }
    };
    let pair = |pair: &'_ opentelemetry_proto::tonic::common::v1::KeyValue| {
        pair.value.as_ref().and_then(|any| any.value.as_ref()).map(value)
    };
    span.attributes.iter().filter_map(|one| Some((one.key.as_str(), pair(one)?))).collect()
}

fn to(url: &str) -> TracesConfig {
    TracesConfig { url: url.to_owned(), ..TracesConfig::default() }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

async fn host(faults: Vec<Fault>) -> Result<FakeOllama> {
    let model = ModelConfig {
        load_s: Some(0.05),
        prefill_tok_per_s: 400.0,
        decode_tok_per_s: 400.0,
        ..ModelConfig::named("m")
    };
    let models = vec![model];
    Ok(FakeOllama::start(Config { models, faults, ..Config::default() }).await?)
}

#[tokio::test]
async fn a_job_is_a_trace_of_its_calls_and_phases_within_its_client_s() -> Result {
    let host = host(Vec::new()).await?;
    // Busy at first: it is asked again, and nothing is lost.
    let mut collector = Collector::start(1).await?;
    let mut config = to(&collector.url);
    config.access.headers.insert("X-Key".to_owned(), "k".to_owned());
    let sidecar = sidecar(&[&host], config).await?;
    chat(&sidecar, Some(&format!("00-{CLIENT_TRACE}-{CLIENT_SPAN}-01"))).await?;
    let spans = collector.spans(1).await?;
    let named = |name: &str| spans.iter().find(|span| span.name == name).ok_or_else(|| format!("no {name}"));
    let (job, call) = (named("chat auto")?, named("chat m:latest on h0")?);
    assert!(spans.iter().all(|span| hex(&span.trace_id) == CLIENT_TRACE));
    assert_eq!(hex(&job.parent_span_id), CLIENT_SPAN);
    assert_eq!((&call.parent_span_id, &named("wait")?.parent_span_id), (&job.span_id, &job.span_id));
    let mut at = call.start_time_unix_nano;
    for phase in ["load", "read", "write"] {
        let span = named(phase)?;
        assert_eq!(span.parent_span_id, call.span_id, "{phase}");
        assert!(
            at <= span.start_time_unix_nano && span.end_time_unix_nano <= call.end_time_unix_nano,
            "{span:?}"
        );
        at = span.end_time_unix_nano;
    }
    assert!(
        job.start_time_unix_nano <= call.start_time_unix_nano
            && call.end_time_unix_nano <= job.end_time_unix_nano
    );
    let told = attributes(job);
    let expected = [
        ("gen_ai.operation.name", "chat"),
        ("gen_ai.provider.name", "ollama"),
        ("gen_ai.request.model", "auto"),
        ("gen_ai.response.model", "m:latest"),
        ("server.address", "h0"),
    ];
    for (key, value) in expected {
        assert_eq!(told.get(key).map(String::as_str), Some(value), "{key}");
    }
    assert!(told.get("gen_ai.usage.output_tokens").is_some_and(|tokens| tokens != "IntValue(0)"), "{told:?}");
    let words = format!("{spans:?}");
    assert!(!words.contains(SECRET), "a prompt left the machine");
    let headers =
        collector.kept.lock().unwrap_or_else(PoisonError::into_inner).first().map(|kept| kept.0.clone());
    let headers = headers.ok_or("headers")?;
    assert_eq!(headers.get("content-type").map(HeaderValue::as_bytes), Some(&b"application/x-protobuf"[..]));
    assert_eq!(headers.get("x-key").map(HeaderValue::as_bytes), Some(&b"k"[..]));
    sidecar.stop().await;
    Ok(())
}

#[tokio::test]
async fn a_failed_call_is_told_with_its_cause_and_what_was_not_recorded_stays_so() -> Result {
    let fails_once = || Fault { count: Some(1), status: Some(500), ..Fault::new(FaultKind::Status) };
    let (one, other) = (host(vec![fails_once()]).await?, host(vec![fails_once()]).await?);
    let mut collector = Collector::start(0).await?;
    let sidecar = sidecar(&[&one, &other], to(&collector.url)).await?;
    chat(&sidecar, None).await?;
    // Its client does not record this one.
    chat(&sidecar, Some(&format!("00-{CLIENT_TRACE}-{CLIENT_SPAN}-00"))).await?;
    sidecar.stop().await;
    let spans = collector.spans(1).await?;
    let jobs: Vec<&Span> = spans.iter().filter(|span| span.name == "chat auto").collect();
    assert_eq!(jobs.len(), 1);
    let status = |job: &Span| {
        job.status.as_ref().map_or(SpanStatus::Unset, opentelemetry_proto::tonic::trace::v1::Status::code)
    };
    assert!(jobs.iter().all(|job| status(job) == SpanStatus::Unset), "{jobs:?}");
    let causes: Vec<String> = spans
        .iter()
        .filter(|span| span.status.as_ref().is_some_and(|status| status.code() == SpanStatus::Error))
        .filter_map(|span| attributes(span).get("error.type").cloned())
        .collect();
    assert!(!causes.is_empty() && causes.iter().all(|cause| cause == "server_error"), "{causes:?}");
    assert!(spans.iter().all(|span| hex(&span.trace_id) != CLIENT_TRACE));
    Ok(())
}

#[tokio::test]
async fn a_collector_that_is_gone_or_mute_delays_no_job_and_what_is_lost_is_counted() -> Result {
    let host = host(Vec::new()).await?;
    // It accepts connections and says nothing.
    let mute = TcpListener::bind("127.0.0.1:0").await?;
    let config = TracesConfig { queue_jobs: 1, ..to(&format!("http://{}", mute.local_addr()?)) };
    let sidecar = sidecar(&[&host], config).await?;
    for _ in 0..20 {
        chat(&sidecar, None).await?;
    }
    let page = reqwest::get(format!("http://{}/metrics", sidecar.metrics)).await?.text().await?;
    let dropped = page.lines().find_map(|line| line.strip_prefix("dispatcher_spans_dropped_total "));
    assert!(dropped.and_then(|count| count.parse::<f64>().ok()).is_some_and(|count| count > 0.0), "{page}");
    assert!(sidecar.stop().await);
    Ok(())
}
