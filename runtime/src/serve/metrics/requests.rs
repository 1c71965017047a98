//! Requests of every client, as the proxy measured them.

use std::sync::Arc;
use std::time::Instant;

use prometheus_client::registry::Registry;
use smart_ai_core::{Arm, Request};

use super::Measured;
use super::arms::Arms;
use super::demand::Demand;
use super::family::{
    Counts, Labels, Levels, Shown, Spreads, Sums, Values, first_token, labels, operation, per_token,
    register, seconds, tokens,
};
use crate::serve::inventory::Inventory;

/// The label of a request that leaves the choice of its model open.
const AUTO: &str = "auto";

/// What is counted about requests.
#[derive(Debug)]
pub(super) struct Requests {
    inventory: Arc<Inventory>,
    arms: Arc<Arms>,
    ended: Counts,
    in_flight: Levels,
    queued: Levels,
    depth: Levels,
    demand: Demand,
    duration: Spreads,
    first_token: Spreads,
    inter_token: Spreads,
    queue_wait: Spreads,
    slot_wait: Spreads,
    load: Spreads,
    reading: Spreads,
    writing: Spreads,
    prompt_tokens: Counts,
    generated_tokens: Counts,
    generation_seconds: Sums,
    generation_tokens: Levels,
    speed: Values,
    truncated: Counts,
    cold_start: Spreads,
    gen_ai: GenAi,
}

/// What is counted of requests under the names of OpenTelemetry's conventions for generative AI.
#[derive(Debug)]
struct GenAi {
    duration: Spreads,
    tokens: Spreads,
    first_token: Spreads,
    per_token: Spreads,
}

impl Requests {
    pub(super) fn new(inventory: Arc<Inventory>, arms: Arc<Arms>, registry: &mut Registry) -> Self {
        let this = Self {
            inventory,
            arms,
            ended: Counts::default(),
            in_flight: Levels::default(),
            queued: Levels::default(),
            depth: Levels::default(),
            demand: Demand::default(),
            duration: seconds(),
            first_token: first_token(),
            inter_token: per_token(),
            queue_wait: seconds(),
            slot_wait: seconds(),
            load: seconds(),
            reading: seconds(),
            writing: seconds(),
            prompt_tokens: Counts::default(),
            generated_tokens: Counts::default(),
            generation_seconds: Sums::default(),
            generation_tokens: Levels::default(),
            speed: Values::default(),
            truncated: Counts::default(),
            cold_start: first_token(),
            gen_ai: GenAi {
                duration: operation(),
                tokens: tokens(),
                first_token: first_token(),
                per_token: per_token(),
            },
        };
        drop(this.depth.get_or_create(&Labels::new()));
        drop(this.queued.get_or_create(&labels([("model", AUTO)])));
        registry.register_collector(Box::new(Shown(this.demand.clone())));
        this.demand.start_at_zero(AUTO);
        this.register(registry);
        this
    }

    fn register(&self, registry: &mut Registry) {
        let mut counts = |name, help, family: &Counts| register(registry, name, help, family.clone());
        counts("ollama_requests_total", "Requests that ended", &self.ended);
        counts("ollama_prompt_tokens_total", "Tokens read", &self.prompt_tokens);
        counts("ollama_generated_tokens_total", "Tokens written", &self.generated_tokens);
        counts("ollama_context_truncated_total", "Answers whose prompt filled the context", &self.truncated);
        let mut levels = |name, help, family: &Levels| register(registry, name, help, family.clone());
        levels("ollama_requests_in_flight", "Calls a host is answering", &self.in_flight);
        levels("ollama_requests_queued", "Requests that wait here for a free model", &self.queued);
        levels("ollama_queue_depth", "Requests that wait here", &self.depth);
        levels("ollama_generation_tokens", "Tokens written since the start", &self.generation_tokens);
        let speed = "Tokens a second of the last answer";
        register(registry, "ollama_generation_speed_tokens_per_second", speed, self.speed.clone());
        let spent = "Seconds spent writing";
        register(registry, "ollama_generation_seconds_total", spent, self.generation_seconds.clone());
        let mut spreads = |name, help, family: &Spreads| register(registry, name, help, family.clone());
        spreads("ollama_request_duration_seconds", "From the request to its last byte", &self.duration);
        spreads(
            "ollama_time_to_first_token_seconds",
            "From the request to the first piece",
            &self.first_token,
        );
        spreads("ollama_inter_token_latency_seconds", "Between two pieces of an answer", &self.inter_token);
        spreads("ollama_queue_wait_seconds", "From the request to the call that answered", &self.queue_wait);
        spreads("ollama_slot_wait_seconds", "Waited inside Ollama for a free slot", &self.slot_wait);
        spreads("ollama_load_duration_seconds", "Loads that a request waited for", &self.load);
        spreads("ollama_prompt_eval_duration_seconds", "Reading the prompt", &self.reading);
        spreads("ollama_generation_duration_seconds", "Writing the answer", &self.writing);
        spreads(
            "dispatcher_cold_start_seconds",
            "To the first piece where the model had to load",
            &self.cold_start,
        );
        let gen_ai = &self.gen_ai;
        spreads("gen_ai_client_operation_duration_seconds", "A request's duration", &gen_ai.duration);
        spreads("gen_ai_client_token_usage", "Tokens of a request", &gen_ai.tokens);
        spreads(
            "gen_ai_server_time_to_first_token_seconds",
            "From the call to the first piece",
            &gen_ai.first_token,
        );
        spreads(
            "gen_ai_server_time_per_output_token_seconds",
            "Writing a token after the first",
            &gen_ai.per_token,
        );
    }

    /// A request waits, or waits no longer.
    pub(super) fn waiting(&self, request: &Request, change: i64) {
        let model =
            request.model.as_ref().map_or(AUTO.to_owned(), |model| self.arms.label("", model.as_str()));
        self.demand.change(&model, change, Instant::now());
        self.queued.get_or_create(&labels([("model", &model)])).inc_by(change);
        self.depth.get_or_create(&Labels::new()).inc_by(change);
    }

    /// A host begins to answer, or has ended.
    pub(super) fn answering(&self, arm: &Arm, change: i64) {
        let labels = self.arm(arm);
        let model = labels.last().map_or("", |(_, model)| model.as_str());
        self.demand.change(model, change, Instant::now());
        self.in_flight.get_or_create(&labels).inc_by(change);
    }

    /// Whether the host is answering with this model.
    pub(super) fn is_answering(&self, arm: &Arm) -> bool {
        self.in_flight.get(&self.arm(arm)).is_some_and(|calls| calls.get() > 0)
    }

    /// A rate can be taken from the first event on.
    pub(super) fn start_at_zero(&self, host: &str, model: &str) {
        let labels = labels([("host", host), ("model", model)]);
        for counts in [&self.prompt_tokens, &self.generated_tokens, &self.truncated] {
            drop(counts.get_or_create(&labels));
        }
        drop(self.generation_seconds.get_or_create(&labels));
        drop(self.generation_tokens.get_or_create(&labels));
        drop(self.in_flight.get_or_create(&labels));
        self.demand.start_at_zero(model);
    }

    /// A request ended.
    pub(super) fn ended(&self, request: &Measured) {
        let arm = self.arm(&request.arm);
        let with = |pairs: &[(&'static str, &str)]| {
            let mut labels = arm.clone();
            labels.extend(pairs.iter().map(|(name, value)| (*name, (*value).to_owned())));
            labels
        };
        let counted = with(&[
            ("operation", request.operation.as_str()),
            ("client", request.client),
            ("status", request.status),
            ("error_type", &request.error_type),
        ]);
        self.ended.get_or_create(&counted).inc();
        if request.status == "cancelled" {
            return;
        }
        let duration = with(&[("operation", request.operation.as_str())]);
        self.duration.get_or_create(&duration).observe(request.total_s);
        let gen_ai = labels([
            ("gen_ai_operation_name", request.operation.gen_ai()),
            ("gen_ai_provider_name", "ollama"),
            ("gen_ai_response_model", arm.last().map_or("", |(_, model)| model.as_str())),
            ("server_address", request.arm.host.as_str()),
        ]);
        let mut failing = gen_ai.clone();
        failing.push(("error_type", request.error_type.clone()));
        self.gen_ai.duration.get_or_create(&failing).observe(request.total_s);
        if request.status == "success" {
            self.succeeded(request, &arm, &gen_ai);
        }
    }

    fn succeeded(&self, request: &Measured, arm: &Labels, gen_ai: &Labels) {
        let usage = &request.usage;
        let cold = request.is_cold();
        self.queue_wait.get_or_create(arm).observe(request.queue_s);
        if let Some(first_s) = request.first_s {
            let mut start = arm.clone();
            start.push(("start", if cold { "cold" } else { "warm" }.to_owned()));
            self.first_token.get_or_create(&start).observe(first_s);
            self.gen_ai.first_token.get_or_create(gen_ai).observe((first_s - request.queue_s).max(0.0));
            if cold {
                self.cold_start.get_or_create(arm).observe(first_s);
            }
            if usage.output_tokens > 1 {
                let each_s = (request.total_s - first_s) / f64::from(usage.output_tokens - 1);
                // The last piece of a quick answer may be counted before the first is.
                self.inter_token.get_or_create(arm).observe(each_s.max(0.0));
            }
        }
        if cold {
            self.load.get_or_create(arm).observe(usage.load_ms / 1e3);
        }
        if usage.prompt_ms > 0.0 {
            self.reading.get_or_create(arm).observe(usage.prompt_ms / 1e3);
        }
        if usage.output_ms > 0.0 {
            self.writing.get_or_create(arm).observe(usage.output_ms / 1e3);
            self.generation_seconds.get_or_create(arm).inc_by(usage.output_ms / 1e3);
            let speed = f64::from(usage.output_tokens) / usage.output_ms * 1e3;
            self.speed.get_or_create(arm).set(speed);
            if usage.output_tokens > 1 {
                let each_s = usage.output_ms / 1e3 / f64::from(usage.output_tokens - 1);
                self.gen_ai.per_token.get_or_create(gen_ai).observe(each_s);
            }
        }
        if usage.total_ms > 0.0 {
            let waited_ms = usage.total_ms - usage.load_ms - usage.prompt_ms - usage.output_ms;
            self.slot_wait.get_or_create(arm).observe(waited_ms.max(0.0) / 1e3);
        }
        self.prompt_tokens.get_or_create(arm).inc_by(u64::from(usage.prompt_tokens));
        self.generated_tokens.get_or_create(arm).inc_by(u64::from(usage.output_tokens));
        self.generation_tokens.get_or_create(arm).inc_by(i64::from(usage.output_tokens));
        for (kind, count) in [("input", usage.prompt_tokens), ("output", usage.output_tokens)] {
            let mut labels = gen_ai.clone();
            labels.push(("gen_ai_token_type", kind.to_owned()));
            self.gen_ai.tokens.get_or_create(&labels).observe(f64::from(count));
        }
        if self.fills_context(request) {
            self.truncated.get_or_create(arm).inc();
        }
    }

    /// Ollama cuts a prompt that is too long to exactly its context, without a word.
    fn fills_context(&self, request: &Measured) -> bool {
        let hosts = self.inventory.hosts();
        let loaded = hosts.get(&request.arm.host).map(|view| view.loaded.as_slice()).unwrap_or_default();
        let model = loaded.iter().find(|model| model.name == request.arm.model.as_str());
        let context = request.num_ctx.or_else(|| model.and_then(|model| model.context_length));
        context.is_some_and(|context| context > 0 && u64::from(request.usage.prompt_tokens) >= context)
    }

    fn arm(&self, arm: &Arm) -> Labels {
        let model = self.arms.label(arm.host.as_str(), arm.model.as_str());
        labels([("host", arm.host.as_str()), ("model", &model)])
    }

    /// Drops every series of an arm.
    pub(super) fn forget(&self, arm: &Arm) {
        let gen_ai = &self.gen_ai;
        for counts in [&self.ended, &self.prompt_tokens, &self.generated_tokens, &self.truncated] {
            counts.forget(arm);
        }
        for levels in [&self.in_flight, &self.generation_tokens] {
            levels.forget(arm);
        }
        self.generation_seconds.forget(arm);
        self.speed.forget(arm);
        for spreads in [
            &self.duration,
            &self.first_token,
            &self.inter_token,
            &self.queue_wait,
            &self.slot_wait,
            &self.load,
            &self.reading,
            &self.writing,
            &self.cold_start,
            &gen_ai.duration,
            &gen_ai.tokens,
            &gen_ai.first_token,
            &gen_ai.per_token,
        ] {
            spreads.forget(arm);
        }
    }
}
