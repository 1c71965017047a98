//! The score of one arm, in seconds: J = T + harm + reloads + risk + quality + deadline − optimism, where
//! T = start + load + z × (queue + work + interference) is its expected completion.

use crate::decision::{DropCode, Terms};
use crate::event::SignalName;
use crate::fleet::{Host, Model, Residency};
use crate::learn::Expectation;
use crate::names::ModelName;
use crate::policy::backlog::Backlog;
use crate::policy::deadline::deadline_price_s;
use crate::policy::load::{Eviction, InMemory, load_s};
use crate::policy::view::{LeftOut, View};
use crate::request::{Request, Task};

/// Share of the work added where a host's metrics are known to exist but are stale.
const STALE_SHARE: f64 = 0.1;
/// The least share of a host that is believed to be left to us, however busy others keep it.
const LEAST_SHARE: f64 = 0.1;

/// Answers of a model after which it is known whether a call had to wait for a slot.
const TELLING: f64 = 1.0;
/// A job with a deadline lets others go first only if it has this many times the time that it needs.
const SPARE: f64 = 2.0;

/// What all arms of one host share.
#[derive(Clone, Copy)]
pub(crate) struct HostView<'a> {
    pub(crate) host: &'a Host,
    pub(crate) position: usize,
    pub(crate) backlog: &'a Backlog,
    pub(crate) in_memory: InMemory,
    /// Bytes beyond which a load pushes others out.
    pub(crate) bound: f64,
    /// Bytes a model may take at all, where somebody tells.
    pub(crate) told: Option<f64>,
    /// Seconds lost to other processes for each second of work.
    pub(crate) foreign: f64,
    /// How many times slower than expected its machine goes, weighed by `tuning.overdue`.
    pub(crate) late: f64,
    /// Seconds until it answers: zero where it does.
    pub(crate) rises_s: f64,
    /// Seconds until its loader is free.
    pub(crate) loader_s: f64,
    /// Its runners that have work left, one at least.
    pub(crate) busy: f64,
}

impl<'a> HostView<'a> {
    pub(crate) fn of(view: &View<'a>, position: usize, host: &'a Host, backlog: &'a Backlog) -> Self {
        let mut late = backlog.slowness();
        for neighbour in neighbours(view, host) {
            late = late.max(neighbour.slowness());
        }
        let told = host.told_memory(view.now, view.stale_ms);
        Self {
            host,
            position,
            backlog,
            in_memory: InMemory::of(host, backlog),
            bound: told.unwrap_or_else(|| host.supposed_memory(view.now)),
            told,
            foreign: foreign_share(view, host),
            late: 1.0 + view.config.tuning.overdue * (late - 1.0),
            rises_s: host.rises_in_s(view.now).unwrap_or(0.0),
            loader_s: backlog.loader_s(),
            busy: backlog.busy(),
        }
    }

    pub(crate) fn dropped(&self, model: &'a Model, code: DropCode) -> LeftOut<'a> {
        (self.position, self.host, Some(model), code)
    }
}

/// Backlogs of other servers on the same machine.
fn neighbours<'a>(view: &View<'a>, host: &'a Host) -> impl Iterator<Item = &'a Backlog> {
    let backlogs = view.backlogs;
    host.neighbours.iter().filter_map(|position| backlogs.get(*position))
}

/// What all arms share for one request.
#[derive(Clone, Copy)]
pub(crate) struct RequestView<'a> {
    pub(crate) request: &'a Request,
    pub(crate) answer: Expectation<'a>,
    pub(crate) context_tokens: u32,
    /// Seconds it has waited so far.
    pub(crate) waited_s: f64,
    /// Seconds until the answer is worthless.
    pub(crate) deadline_s: Option<f64>,
}

/// An arm with its score.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scored<'a> {
    pub(crate) host: &'a Host,
    pub(crate) position: usize,
    pub(crate) model: &'a Model,
    /// Loaded with enough context.
    pub(crate) resident: bool,
    /// The share of the prompt that it has read before.
    pub(crate) kept: f64,
    /// Whether a call made now would begin at once: a slot is free, the loader is free where it is needed, and the job is not to wait
    /// for other models of the host (`turn`).
    pub(crate) startable: bool,
    /// Set where the call could begin at once, but waiting until the host's other models are done is cheaper for all jobs together.
    pub(crate) turn: Option<Turn>,
    pub(crate) terms: Terms,
    pub(crate) expected_s: f64,
    pub(crate) score_s: f64,
    /// What arms are compared by: `score_s` in whole milliseconds, less a bonus for the arm that holds this conversation in its cache.
    pub(crate) score_ms: f64,
}

/// What it costs to wait until other models of the host are done, and what it costs to run beside them. Models that run at the same
/// time slow each other, so that one after the other, the shorter first, all are done sooner on average.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Turn {
    /// Seconds until the others are done.
    wait: f64,
    /// Seconds lost to them by beginning now.
    interference: f64,
    /// Seconds that they lose by it.
    harm: f64,
}

impl Turn {
    /// Moves a score between the two: `times` = 1 waits for the others, −1 takes that back and runs beside them.
    fn count(self, terms: &mut Terms, times: f64) {
        terms.queue_s += times * self.wait;
        terms.interference_s -= times * self.interference;
        terms.harm_s -= times * self.harm;
    }
}

/// Seconds other processes cost for each second of our work: busy ÷ (1 − busy); a stale metric means unknown, not idle.
pub(crate) fn foreign_share(view: &View<'_>, host: &Host) -> f64 {
    let stale_ms = view.stale_ms;
    if host.signals.any_stale(view.now, stale_ms) {
        return STALE_SHARE;
    }
    let Some((busy, at)) = host.foreign_busy else { return 0.0 };
    let known = host.signals.fresh(view.now, stale_ms, SignalName::CpuBusyRatio).is_some();
    if !known || view.now.since(at) > 2 * stale_ms {
        return 0.0;
    }
    let busy = busy.min(1.0 - LEAST_SHARE);
    busy / (1.0 - busy)
}

/// Scores one arm; `slowdown` multiplies its work.
pub(crate) fn score<'a>(
    view: &View<'a>,
    at: &HostView<'a>,
    model: &'a Model,
    wanted: &RequestView<'_>,
    slowdown: f64,
) -> Scored<'a> {
    let (host, backlog, now, tuning) = (at.host, at.backlog, view.now, &view.config.tuning);
    let output_tokens = wanted.answer.tokens_by(&model.name, model.wordiness);
    let resident = is_resident(model, wanted.request, output_tokens);
    let runner = backlog.runner(&model.name);
    let kept = if resident { model.kept_share(wanted.request) } else { 0.0 };
    let unread_tokens = f64::from(wanted.request.prompt_tokens) * (1.0 - kept);
    let mut terms = Terms {
        start_s: at.rises_s,
        prefill_s: slowdown * unread_tokens / model.rates.prefill,
        decode_s: slowdown * output_tokens / model.rates.decode,
        ..Terms::default()
    };
    let known_slots = host.known_slots();
    // More are tried where it can be told whether a call had to wait.
    let slots = if model.decode.weight >= TELLING { host.slots(now) } else { known_slots };
    let has_slot = runner.is_none_or(|runner| !runner.is_closed && runner.calls + runner.waiting < slots);
    let mut startable = at.rises_s <= 0.0 && has_slot;
    let batching = host.batching.taken();
    let loading = runner.filter(|runner| runner.load_left_s > 0.0);
    if let Some(runner) = loading {
        terms.load_s = runner.load_left_s;
    } else if !resident && runner.is_none_or(|runner| runner.calls == 0) {
        let (mut free_s, needed) = (at.loader_s, host.needed_bytes(model, wanted.context_tokens));
        let there = model.residency != Residency::Cold || runner.is_some();
        // Mostly there is room for all, and nobody need make way.
        if there || !at.in_memory.takes(host, needed, at.bound) {
            let is_coming = model.residency == Residency::Cold && runner.is_some();
            let beside = is_coming.then(|| InMemory::beside(host, backlog, Some(model)));
            let in_memory = beside.unwrap_or(at.in_memory);
            let eviction = Eviction::of(host, backlog, in_memory, model, needed, at.bound, now);
            free_s = free_s.max(eviction.drain_s);
            terms.reload_s = tuning.reload * eviction.reload_s;
        }
        terms.load_s = free_s + load_s(host, model, now);
        startable &= free_s <= 0.0;
    }
    if resident && !wanted.request.prefix.is_empty() {
        let again = model.prompts.displaced_tokens(&wanted.request.prefix, known_slots);
        terms.reload_s += tuning.reload * again / model.rates.prefill;
    }
    let own_s = terms.prefill_s + terms.decode_s;
    let queue_s = Backlog::queue_s(runner, known_slots, batching);
    // Where a slot is free, the calls in the others slow it and are slowed by it.
    let mates = |most_s: f64| if queue_s > 0.0 { 0.0 } else { Backlog::mates_s(runner, most_s) };
    let ahead_s = tuning.queue * (queue_s + batching * mates(own_s));
    let until_s = ahead_s + own_s;
    let load_s = terms.load_s;
    let beside = |most_s: f64| beside_s(view, at, &model.name, load_s, most_s);
    let sharing = host.sharing.taken();
    let (shared_s, late) = (sharing * beside(until_s), at.late);
    // While nobody knows what slots take from one another, they are used, which tells.
    let turn_mates = |most_s: f64| if host.batching.is_known() { mates(most_s) } else { 0.0 };
    let may_wait = shared_s + turn_mates(own_s) > 0.0 && startable && load_s <= 0.0 && tuning.turns > 0.0;
    terms.load_s *= tuning.load;
    terms.queue_s = ahead_s * late;
    let interference_s = tuning.interference * shared_s * late;
    terms.interference_s = interference_s + own_s * (late - 1.0) + own_s * at.foreign;
    terms.harm_s = tuning.harm * (shared_s + batching * mates(own_s));
    let mut turn = None;
    if may_wait {
        // The longer it has waited, the less it lets others go first.
        let wait_s = beside(f64::INFINITY) + turn_mates(f64::INFINITY);
        let aged_s = (until_s - tuning.age * wanted.waited_s).max(0.0);
        let beside_now_s = sharing * beside(aged_s) + batching * turn_mates(aged_s.min(own_s));
        let in_time = wanted.deadline_s.is_none_or(|deadline_s| SPARE * (wait_s + until_s) <= deadline_s);
        if in_time && wait_s < tuning.turns * 2.0 * beside_now_s {
            let later_s = wait_s - tuning.queue * batching * turn_mates(own_s);
            let others = Turn { wait: later_s * late, interference: interference_s, harm: terms.harm_s };
            others.count(&mut terms, 1.0);
            turn = Some(others);
        }
    }
    let expected_s = terms.expected_s();
    if let Some(deadline_s) = wanted.deadline_s {
        terms.deadline_s =
            deadline_price_s(expected_s, terms.decode_s, wanted.answer.length.sigma, deadline_s);
    } else {
        let known = model.decode.weight.min(1e6);
        terms.optimism_s = -tuning.optimism * own_s / (1.0 + known).sqrt();
    }
    Scored {
        host,
        position: at.position,
        model,
        resident,
        kept,
        startable: startable && turn.is_none(),
        turn,
        terms,
        expected_s,
        score_s: 0.0,
        score_ms: 0.0,
    }
}

/// Seconds of work that other runners of the machine have left after `later_s` seconds, each counted no further than `most_s`.
fn beside_s(view: &View<'_>, at: &HostView<'_>, model: &ModelName, later_s: f64, most_s: f64) -> f64 {
    let mut sum_s = 0.0;
    for left_s in at.backlog.others(model, at.busy, later_s) {
        sum_s += left_s.min(most_s);
    }
    for neighbour in neighbours(view, at.host) {
        for runner in &neighbour.runners {
            sum_s += runner.left_s.min(most_s);
        }
    }
    sum_s
}

impl Scored<'_> {
    /// It begins now, beside the others, though it is their turn.
    pub(crate) fn begin_now(&mut self) {
        let Some(turn) = self.turn.take() else { return };
        self.startable = true;
        turn.count(&mut self.terms, -1.0);
        let later_s = turn.interference - turn.wait;
        self.expected_s += later_s;
        self.score_s += later_s + turn.harm;
    }
}

fn is_resident(model: &Model, request: &Request, output_tokens: f64) -> bool {
    match model.residency {
        Residency::Cold => false,
        Residency::Resident { context_tokens, .. } => context_tokens.is_none_or(|loaded| {
            request.task == Task::Embed
                || f64::from(loaded) >= f64::from(request.context_prompt_tokens()) + output_tokens
        }),
    }
}
