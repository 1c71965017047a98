//! One answer being produced, token by token, at the model's speed.

use super::ticket::Ticket;
use crate::fault::{Fault, FaultKind};
use crate::scheduler::Nanos;

/// One token of an answer.
#[derive(Clone, Debug)]
pub(crate) enum Token {
    /// Text that the model thinks.
    Thinking(String),
    /// Text of the answer.
    Text(String),
    /// A call of a tool.
    ToolCall(serde_json::Value),
}

/// What a model is going to say.
#[derive(Debug)]
pub(crate) struct Script {
    pub(crate) tokens: Vec<Token>,
    pub(crate) done_reason: &'static str,
    pub(crate) prompt: String,
    pub(crate) prompt_tokens: u64,
    /// Tokens that the counters leave out: thinking before a structured answer is a call of its own.
    pub(crate) uncounted: u64,
}

/// Counters of the final chunk in nanoseconds and tokens; 0 is left out.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counters {
    pub(crate) prompt_eval_count: u64,
    pub(crate) prompt_eval_duration: Nanos,
    pub(crate) eval_count: u64,
    pub(crate) eval_duration: Nanos,
}

/// What comes next.
#[derive(Debug)]
pub(crate) enum Step {
    /// Tokens from here to there are out.
    Tokens(std::ops::Range<usize>),
    /// The answer is complete.
    End(Counters),
    /// The answer ends here and not well.
    Broken(Fault),
}

/// An answer in production.
#[derive(Debug)]
pub(crate) struct Generation {
    pub(crate) ticket: Ticket,
    pub(crate) script: Script,
    sent: usize,
    prefill: f64,
    per_token: f64,
    extra: Nanos,
    slot_at: Nanos,
    first_at: Option<Nanos>,
    breaks: Option<(usize, Fault)>,
    split: Option<usize>,
}

impl Generation {
    /// Waits for a slot, and for the end of a hang.
    pub(crate) async fn start(mut ticket: Ticket, script: Script, path: &'static str) -> Self {
        let model = ticket.model.clone();
        let (slow, hangs, split, breaks) = ticket.host.with(|state, now| {
            let faults = &mut state.faults;
            if faults.is_empty() {
                return (None, false, None, None);
            }
            let mut draw = |kind| faults.draw(now, kind, Some(&model.short), path);
            let slow = draw(FaultKind::Slow);
            let hangs = draw(FaultKind::Hang).is_some();
            (
                slow,
                hangs,
                draw(FaultKind::Split).map(|split| split.bytes.unwrap_or(1).max(1)),
                draw(FaultKind::Cut)
                    .or_else(|| draw(FaultKind::ErrorLine))
                    .or_else(|| draw(FaultKind::Garbage)),
            )
        });
        let factor = slow.as_ref().and_then(|slow| slow.factor).unwrap_or(1.0).max(1e-3);
        ticket.slot(1.0 / factor).await;
        if hangs {
            wait_while_hung(&ticket).await;
        }
        let job = ticket.job;
        let kept = ticket.host.with(|state, _| state.scheduler.read(job, &script.prompt));
        let breaks = breaks.map(|fault| {
            let half = script.tokens.len() / 2;
            (fault.after_tokens.map_or(half, |after| (after as usize).min(script.tokens.len())), fault)
        });
        Self {
            sent: 0,
            // The last token is always read: the first one of the answer comes from it.
            prefill: model.prefill_ns * (script.prompt_tokens as f64 * (1.0 - kept)).max(1.0),
            per_token: model.decode_ns,
            extra: slow.and_then(|slow| slow.delay_s).map_or(0, crate::duration::nanos),
            slot_at: ticket.host.now(),
            first_at: None,
            breaks,
            split,
            ticket,
            script,
        }
    }

    /// Bytes of a stream that come at a time, where not a line does.
    pub(crate) fn split(&self) -> Option<usize> {
        self.split
    }

    /// Waits for the next tokens or the end. Dropping it at any time is an abort.
    pub(crate) async fn next(&mut self) -> Step {
        let mut changes = self.ticket.host.changes();
        loop {
            let (now, out) = self.progress();
            let total = self.script.tokens.len();
            let limit = self.breaks.as_ref().map_or(total, |(after, _)| *after);
            if out > 0 && self.first_at.is_none() {
                self.first_at = Some(now);
            }
            let until = out.min(limit);
            if until > self.sent {
                let range = self.sent..until;
                self.sent = until;
                return Step::Tokens(range);
            }
            if self.sent == limit
                && out >= limit.max(1)
                && let Some((_, fault)) = self.breaks.take()
            {
                return Step::Broken(fault);
            }
            if out >= self.last_milestone() {
                return Step::End(self.counters(now));
            }
            let due = self.due_at(now, out);
            let wake = self.ticket.host.instant(due);
            tokio::select! {
                () = tokio::time::sleep_until(wake) => {}
                _ = changes.changed() => {}
            }
        }
    }

    /// Tokens of the answer that are out.
    pub(crate) fn sent(&self) -> &[Token] {
        self.script.tokens.get(..self.sent).unwrap_or_default()
    }

    /// The milestone that ends the answer: the end-of-text token, or the last one that the limit allows.
    fn last_milestone(&self) -> usize {
        (self.script.tokens.len() + usize::from(self.script.done_reason == "stop")).max(1)
    }

    /// Milestones passed by now: each token, and one more when the answer is complete.
    fn progress(&mut self) -> (Nanos, usize) {
        let total = self.script.tokens.len();
        if self.is_instant() {
            return (self.ticket.host.now(), total + 1);
        }
        let job = self.ticket.job;
        let (now, done) = self.ticket.host.with(|state, now| (now, state.machine.done(now, job)));
        if now < self.slot_at.saturating_add(self.extra) || done < self.prefill {
            return (now, 0);
        }
        if self.per_token <= 0.0 {
            return (now, total + 1);
        }
        // Half a nanosecond of grace keeps rounding from asking for the same moment twice.
        (now, ((done - self.prefill + 0.5) / self.per_token) as usize + 1)
    }

    /// Whether the next step needs no waiting.
    pub(crate) fn is_ready(&self) -> bool {
        self.is_instant()
    }

    fn is_instant(&self) -> bool {
        self.prefill <= 0.0 && self.per_token <= 0.0 && self.extra == 0
    }

    fn due_at(&self, now: Nanos, out: usize) -> Nanos {
        let job = self.ticket.job;
        let work = self.prefill + self.per_token * out as f64;
        let eta = self.ticket.host.with(|state, _| state.machine.eta(job, work));
        eta.max(self.slot_at.saturating_add(self.extra)).max(now.saturating_add(1))
    }

    fn counters(&self, now: Nanos) -> Counters {
        let first = self.first_at.unwrap_or(now);
        // The end-of-text token is generated, counted and not shown; the last one before a length limit is both.
        let counted = (self.script.tokens.len() as u64).saturating_sub(self.script.uncounted);
        let eval_count = counted + u64::from(self.script.done_reason == "stop");
        let measured = |from: Nanos, to: Nanos| if self.is_instant() { 0 } else { to.saturating_sub(from) };
        Counters {
            prompt_eval_count: self.script.prompt_tokens,
            prompt_eval_duration: measured(self.slot_at, first),
            eval_count,
            eval_duration: measured(first, now),
        }
    }

    /// Counts the tokens that were sent and gives the model back.
    pub(crate) fn end(&mut self) {
        let sent = self.sent as u64;
        let model = self.ticket.model.short.to_string();
        self.ticket.host.with(|state, _| state.stats.models.entry(model).or_default().output_tokens += sent);
        self.ticket.end();
    }
}

async fn wait_while_hung(ticket: &Ticket) {
    let mut changes = ticket.host.changes();
    while ticket.host.with(|state, now| state.faults.lasts(now, FaultKind::Hang, &ticket.model.short)) {
        if changes.changed().await.is_err() {
            return;
        }
    }
}
