//! One loaded model: who uses it, how long it may stay.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use super::{JobId, LoadOptions, Nanos};

/// A loaded model.
#[derive(Clone, Debug)]
pub struct Runner {
    /// The tag that loaded it; other tags of the same file share the runner.
    pub name: Arc<str>,
    /// Options it was loaded with; others make Ollama reload.
    pub options: LoadOptions,
    /// Resident bytes.
    pub bytes: u64,
    /// How long it stays after its last request (`keep_alive`).
    pub session: Nanos,
    /// Requests it answers at once.
    pub slots: u32,
    /// What `/api/ps` shows; only set when the runner goes idle, so stale while it is busy.
    pub expires_at: Option<Nanos>,
    pub(super) unloading_until: Option<Nanos>,
    pub(super) timer: Option<Nanos>,
    pub(super) users: BTreeSet<JobId>,
    pub(super) active: BTreeSet<JobId>,
    pub(super) waiting: VecDeque<JobId>,
    /// What each slot read last, the latest one last.
    pub(super) prompts: Vec<String>,
}

impl Runner {
    /// Requests that hold it, whether they have a slot or wait for one.
    pub fn users(&self) -> usize {
        self.users.len()
    }

    /// Requests that have a slot.
    pub fn active(&self) -> usize {
        self.active.len()
    }

    /// Whether it is on its way out and takes no request.
    pub fn is_unloading(&self) -> bool {
        self.unloading_until.is_some()
    }

    /// The expiry that `/api/ps` shows at `now`.
    pub fn shown_expiry(&self, now: Nanos) -> Nanos {
        self.expires_at.unwrap_or_else(|| now.saturating_add(self.session))
    }

    pub(super) fn needs_reload(&self, wanted: &LoadOptions) -> bool {
        self.is_unloading() || self.options.differs(wanted)
    }

    pub(super) fn take(&mut self, job: JobId, session: Option<Nanos>) {
        self.users.insert(job);
        self.timer = None;
        if let Some(session) = session {
            self.session = session;
        }
    }

    /// The next waiting job that gets a free slot, if any.
    pub(super) fn next_with_slot(&mut self) -> Option<JobId> {
        if self.active.len() >= self.slots.max(1) as usize {
            return None;
        }
        let job = self.waiting.pop_front()?;
        self.active.insert(job);
        Some(job)
    }

    /// Puts a prompt into the slot whose own goes on like it, else into a free one or the one unused longest. The share of
    /// the prompt that is there already and need not be read, 0 to 1.
    pub(super) fn read(&mut self, prompt: &str) -> f64 {
        let shares = self.prompts.iter().map(|read| shared(prompt, read));
        let (place, share) = shares
            .enumerate()
            .max_by(|(_, one), (_, other)| one.total_cmp(other))
            .filter(|(_, share)| *share > SAME)
            .unwrap_or((0, 0.0));
        if share > 0.0 || self.prompts.len() >= self.slots.max(1) as usize {
            self.prompts.remove(place);
        }
        self.prompts.push(prompt.to_owned());
        share
    }

    pub(super) fn drop_user(&mut self, job: JobId) {
        self.users.remove(&job);
        self.active.remove(&job);
        self.waiting.retain(|waiting| *waiting != job);
    }
}

/// A prompt takes the slot of one that it shares more than this with.
const SAME: f64 = 0.1;

/// The share of a prompt that another begins with too.
fn shared(prompt: &str, other: &str) -> f64 {
    let same = prompt.bytes().zip(other.bytes()).take_while(|(one, other)| one == other).count();
    same as f64 / prompt.len().max(1) as f64
}
