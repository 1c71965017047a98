//! One call of one arm, by the phase it is in.

use crate::dispatch::context::Context;
use crate::dispatch::patience::Patience;
use crate::event::Usage;
use crate::learn::Freed;
use crate::names::{HostId, JobId, Millis, ModelName};
use crate::number::Between as _;
use crate::policy::{Had, Running, Share, Shares};

/// The longest that a load goes on which no job waits for, in milliseconds. Ollama itself gives up sooner.
const LOAD_MOST_MS: u64 = 600_000;

/// The fewest tokens from which a rate is learned: fewer tell chance.
const TELLING_TOKENS: u32 = 8;
/// The least milliseconds from which a rate is learned: a shorter time is mostly the error of the clock.
const TELLING_MS: f64 = 40.0;
/// How many times the expected time a first piece may take, beside [`LATE_MS`], before it teaches no reading rate: it then waited
/// for more than its prompt, such as a load that nobody foresaw, or another client's answer.
const LATE: f64 = 4.0;
/// Milliseconds added to [`LATE`] times the expected time: four times a very short prompt would be less than chance.
const LATE_MS: f64 = 2_000.0;

#[derive(Clone, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own, and they do not exclude one another"
)]
pub(super) struct Attempt {
    pub(super) job: JobId,
    /// The job has moved on to another arm; this call only finishes its load.
    pub(super) detached: bool,
    pub(super) host: HostId,
    pub(super) host_position: usize,
    pub(super) model: ModelName,
    /// The context its model is loaded with for this call.
    pub(super) context: Context,
    pub(super) began: Millis,
    /// When its model was loaded, as far as can be told.
    pub(super) work_began: Millis,
    pub(super) phase: Phase,
    pub(super) patience: Patience,
    /// When a hedge may be worth it.
    pub(super) hedge_at: Option<Millis>,
    /// A hedge was due, and no arm was free for it.
    pub(super) is_late: bool,
    pub(super) running: Running,
    /// The share of its prompt that the runner had read before.
    pub(super) known_share: f64,
    /// Its model was not loaded when it began, so its load time is learned from.
    pub(super) cold: bool,
    /// What it says of how long its model stays, until the host has taken that in.
    pub(super) says: Option<Says>,
    /// The system had its model's file in memory, as far as can be told.
    pub(super) cached: bool,
    /// Nobody else was loading on the host when it began.
    pub(super) alone: bool,
    pub(super) belief: Belief,
    /// The machine slept while it was under way.
    pub(super) slept: bool,
    /// A slot of its runner was free when it began, as far as our own calls tell.
    pub(super) has_slot: bool,
    /// While it waits for its first piece: when another call of its runner ended, and how many were being answered.
    pub(super) freed: Option<Freed>,
    /// When it reached its loaded model.
    pub(super) arrived: Millis,
    /// Its client let it wait: the time of its pieces is not the host's.
    pub(super) was_held: bool,
    /// Seconds that each host had worked when its first piece came.
    pub(super) worked_then: Vec<f64>,
}

/// What a call says of how long its model stays.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Says {
    pub(super) keep_alive_s: Option<u32>,
    /// Its caller names a time of its own, which nobody else knows.
    pub(super) names_own: bool,
}

/// Whether the belief that a call's model is loaded, held when the call was sent, has been checked since.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Belief {
    /// Nothing newer than the call tells.
    Unchecked,
    /// A look at the host is asked for, and waited for.
    Asked,
    /// The host accepted the call, or was looked at since.
    Checked,
}

#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Phase {
    /// Until the first piece; by this time at the latest.
    BeforeFirstToken { by: Millis },
    /// Pieces come; the next one by this time at the latest, the last one when `piece` says. `held`: its client does not read,
    /// and the silence is not the host's.
    Answering { first_token: Millis, next_by: Millis, piece: Millis, held: bool },
}

impl Attempt {
    pub(super) fn wake_at(&self) -> Millis {
        let until = if self.detached {
            self.allowed_until().max(self.began.plus(LOAD_MOST_MS))
        } else {
            self.silent_until()
        };
        match self.phase {
            Phase::BeforeFirstToken { .. } => self.hedge_at.map_or(until, |at| at.min(until)),
            Phase::Answering { .. } => until,
        }
    }

    /// When the next piece is due; after that the call is late.
    pub(super) fn silent_until(&self) -> Millis {
        match self.phase {
            Phase::BeforeFirstToken { by } => by,
            Phase::Answering { next_by, .. } => next_by,
        }
    }

    /// When the first piece is due, by what is known of the arm.
    pub(super) fn allowed_until(&self) -> Millis {
        self.began.plus(self.patience.load_ms + self.patience.first_ms)
    }

    /// When a sign of life last came from it.
    pub(super) fn last_sign(&self) -> Millis {
        match self.phase {
            Phase::BeforeFirstToken { .. } => self.work_began,
            Phase::Answering { piece, .. } => piece,
        }
    }

    /// What it had of its host while it read and while it wrote.
    pub(super) fn shares(&self, now: Millis) -> Shares {
        let had = self.running.had;
        let Phase::Answering { first_token, .. } = self.phase else {
            let all = share(had, self.work_began, now);
            return Shares { reading: all, writing: all };
        };
        let first = self.running.first.unwrap_or(had);
        let since = Had { alone_s: had.alone_s - first.alone_s, slot_s: had.slot_s - first.slot_s };
        let writing = share(since, first_token, now);
        let telling = first_token.since(self.work_began) >= 10 && first.alone_s > 0.0;
        let reading = if telling { share(first, self.work_began, first_token) } else { writing };
        Shares { reading, writing }
    }

    /// Milliseconds since its first piece.
    pub(super) fn writing_ms(&self, now: Millis) -> Option<u64> {
        match self.phase {
            Phase::BeforeFirstToken { .. } => None,
            Phase::Answering { first_token, .. } => Some(now.since(first_token)),
        }
    }

    /// The counters of an answer whose form carries no durations, as `OpenAI`'s and Anthropic's, with the times of its pieces in
    /// their place: `prefill` is the tokens a second its prompt is believed to be read at. A time that is not the reading or the
    /// writing alone stays zero, which teaches nothing.
    pub(super) fn timed(&self, usage: &Usage, prefill: f64, now: Millis) -> Usage {
        let durations = [usage.total_ms, usage.load_ms, usage.prompt_ms, usage.output_ms];
        let Phase::Answering { first_token, .. } = self.phase else { return *usage };
        if durations.iter().any(|ms| *ms > 0.0) || self.slept {
            return *usage;
        }
        let mut timed = *usage;
        let (writing_ms, tokens) = (now.since(first_token) as f64, f64::from(usage.output_tokens));
        // The first token came at the beginning of that time.
        if !self.was_held && usage.output_tokens >= TELLING_TOKENS && writing_ms >= TELLING_MS {
            timed.output_ms = writing_ms * tokens / (tokens - 1.0);
        }
        let expected_ms = 1e3 * f64::from(usage.prompt_tokens) * (1.0 - self.known_share) / prefill;
        if self.cold {
            timed.load_ms = (first_token.since(self.began) as f64 - expected_ms).max(0.0);
        } else if self.has_slot && first_token.since(self.work_began) as f64 <= LATE * expected_ms + LATE_MS {
            timed.prompt_ms = first_token.since(self.work_began) as f64;
        }
        timed
    }

    pub(super) fn elapsed_ms(&self, now: Millis) -> u64 {
        now.since(self.began)
    }
}

/// Seconds that it had ÷ seconds.
fn share(had: Had, from: Millis, to: Millis) -> Share {
    let seconds = to.since(from) as f64 / 1e3;
    let of = |had_s: f64| if seconds <= 0.0 { 1.0 } else { (had_s / seconds).between(0.0, 1.0) };
    Share { host: of(had.alone_s), runner: of(had.slot_s) }
}
