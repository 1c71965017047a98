//! How long a call may stay silent in each phase: by what is written and what was predicted of it, or as the owner states.

use crate::decision::Terms;
use crate::dispatch::Dispatcher;
use crate::dispatch::wish::Wish;
use crate::fleet::Host;
use crate::names::{JobId, Millis};
use crate::number::Between as _;
use crate::policy::Record;
use crate::request::Writing;

/// Standard deviations from the middle to the 99th percentile.
const Q99: f64 = 2.33;
/// Standard deviations from the middle to the 95th percentile.
const Q95: f64 = 1.645;
/// How far a silence may go beyond its 99th percentile, as a factor: other programs use the host, too.
const MARGIN: f64 = 1.5;
/// Answers after which an arm counts as known.
const KNOWN: f64 = 3.0;
/// The least time that a known arm is given for its first piece.
const KNOWN_LEAST_MS: f64 = 10_000.0;
/// The least time that any other arm is given for its first piece.
const LEAST_MS: f64 = 30_000.0;
/// The least time before a hedge, in milliseconds: sooner, a second call costs more than it saves.
const HEDGE_LEAST_MS: f64 = 2_000.0;
/// The longest silence before the first piece that is allowed by what was learned.
const MOST_MS: f64 = 600_000.0;
/// The longest silence between two pieces of text that is allowed by what was learned.
const MOST_STALL_MS: f64 = 30_000.0;
/// Tokens of a tool call that writes a file; it comes whole, after a silence as long as writing them takes.
const TOOL_CALL_TOKENS: f64 = 4_096.0;
/// The least silence that is allowed before a tool call.
const TOOL_CALL_LEAST_MS: f64 = 120_000.0;
/// A stall is a silence as long as this many tokens of the answer take to write.
const STALL_TOKENS: f64 = 20.0;
/// Variance of the logarithm of the time to a first piece, before anything is learned.
const FIRST_SPREAD: f64 = 0.25;
/// Variance of the logarithm of the time of a load, before anything is learned.
const LOAD_SPREAD: f64 = 0.25;
/// A call is left early enough for another arm to make the deadline. That arm is given this many times its expected time.
const SWITCH_MARGIN: f64 = 1.5;
/// Milliseconds added to the expected time of that other arm: it takes a moment to notice a silence and to begin a call.
const SWITCH_MS: f64 = 500.0;

/// Milliseconds of silence, by phase.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Patience {
    /// Milliseconds until the model is loaded; 0 where it is.
    pub(super) load_ms: u64,
    /// Milliseconds from the loaded model to the first piece.
    pub(super) first_ms: u64,
    /// Milliseconds from the loaded model to a hedge: the first piece is late by then.
    pub(super) hedge_ms: u64,
    /// Milliseconds between two pieces.
    pub(super) stall_ms: u64,
    /// The last moment at which another arm could still make the deadline.
    pub(super) switch: Option<Millis>,
}

impl Patience {
    /// Until the first piece at the latest.
    pub(super) fn silence(&self, now: Millis) -> Millis {
        let by = now.plus(self.load_ms + self.first_ms);
        self.switch.map_or(by, |switch| switch.min(by))
    }
}

impl Dispatcher {
    /// How long a call of the decision's first arm may be silent.
    pub(super) fn patience(
        &self,
        decision: &Record,
        terms: &Terms,
        wish: &Wish,
        id: JobId,
    ) -> Option<Patience> {
        let host = self.fleet.hosts.get(wish.position)?;
        let model = host.models.get(&wish.model)?;
        let request = &self.jobs.get(&id)?.request;
        let known = model.decode.weight >= KNOWN;
        let first_ms = 1e3 * (terms.queue_s + terms.prefill_s + terms.interference_s);
        let first_sigma = (model.prefill.spread(FIRST_SPREAD, 2.0)).sqrt();
        let least_ms = if known { KNOWN_LEAST_MS } else { LEAST_MS };
        // Another client may have taken the place of what the runner had read.
        let unread_ms = 1e3 * f64::from(decision.prompt_tokens) / model.rates.prefill;
        let late_ms = MARGIN * first_ms.max(unread_ms) * libm::exp(Q99 * first_sigma);
        let mean = wish.length.mean();
        let token_ms = if mean > 0.0 { 1e3 * terms.decode_s / mean } else { 1e3 / model.rates.decode };
        // What is written before anything of it shows.
        let unseen_ms = |deviations: f64| match request.writing {
            Writing::Text | Writing::Schema => 0.0,
            Writing::ToolCalls => token_ms * wish.length.at_most(deviations),
        };
        let text_ms = 1e3 * STALL_TOKENS / model.rates.decode;
        let stall_ms = match request.writing {
            Writing::Text => within(text_ms, least_ms, MOST_STALL_MS),
            Writing::Schema => within(text_ms.max(late_ms), least_ms, MOST_MS),
            Writing::ToolCalls => {
                let tokens = wish.length.at_most(Q99).max(TOOL_CALL_TOKENS);
                within(MARGIN * token_ms * tokens, TOOL_CALL_LEAST_MS, MOST_MS)
            }
        };
        let config = &self.config;
        let first_piece_ms = obeyed(config.first_token_timeout_ms, within(late_ms, least_ms, MOST_MS));
        Some(Patience {
            load_ms: if terms.load_s > 0.0 { self.load_patience_ms(host, terms.load_s) } else { 0 },
            first_ms: first_piece_ms + (MARGIN * unseen_ms(Q99)) as u64,
            hedge_ms: (first_ms * libm::exp(Q95 * first_sigma) + unseen_ms(Q95)).max(HEDGE_LEAST_MS) as u64,
            stall_ms: obeyed(config.stall_timeout_ms, stall_ms),
            switch: self.switch(decision, terms, id),
        })
    }

    /// Milliseconds that a load is given which is expected to take `load_s` seconds.
    pub(super) fn load_patience_ms(&self, host: &Host, load_s: f64) -> u64 {
        let late_ms = 1e3 * load_s * libm::exp(Q99 * load_sigma(host));
        obeyed(self.config.load_timeout_ms, within(late_ms, LEAST_MS, MOST_MS))
    }

    /// Milliseconds after which even a call that is worth waiting for is given up.
    pub(super) fn longest_silence_ms(&self) -> u64 {
        let config = &self.config;
        [config.load_timeout_ms, config.first_token_timeout_ms]
            .map(|stated| obeyed(stated, MOST_MS))
            .into_iter()
            .fold(0, u64::max)
    }

    /// When to leave a call that has brought nothing for an arm that could still answer in time.
    fn switch(&self, decision: &Record, terms: &Terms, id: JobId) -> Option<Millis> {
        let deadline = self.jobs.get(&id)?.deadline()?;
        // Where no other arm is there now, one as fast as this one may come back.
        let own_s = terms.prefill_s + terms.decode_s;
        let fastest_s = decision.fastest_other_s.unwrap_or(own_s);
        let switch = deadline.0.saturating_sub((SWITCH_MARGIN * 1e3 * fastest_s + SWITCH_MS) as u64);
        (switch > self.now.0).then_some(Millis(switch))
    }
}

/// Milliseconds after which a load expected to take so many seconds is late.
pub(super) fn load_late_ms(host: &Host, load_s: f64) -> u64 {
    (1e3 * load_s * libm::exp(Q95 * load_sigma(host))).max(HEDGE_LEAST_MS) as u64
}

/// Seconds that a load expected to take `load_s` still takes after `elapsed_s`. One that is late is the later the wider loads of its
/// host spread.
pub(super) fn load_rest_s(host: &Host, load_s: f64, elapsed_s: f64) -> f64 {
    (load_s - elapsed_s).max(load_sigma(host) * load_s.max(elapsed_s))
}

/// Standard deviation of the logarithm of the time of a load on this host.
fn load_sigma(host: &Host) -> f64 {
    host.load_rate.spread(LOAD_SPREAD, 1.0).sqrt()
}

/// At least what chance explains, at most what makes sense.
fn within(ms: f64, least_ms: f64, most_ms: f64) -> f64 {
    ms.max(least_ms).between(0.0, most_ms)
}

/// The time that the owner states, where one is; else the learned one.
fn obeyed(stated_ms: Option<u32>, learned_ms: f64) -> u64 {
    stated_ms.map_or(learned_ms as u64, u64::from)
}
