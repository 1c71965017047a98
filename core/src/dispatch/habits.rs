//! When models are used, wherever they run: what comes back by the clock is expected.

use crate::dispatch::Dispatcher;
use crate::lifecycle::{Expectation, HabitSnapshot, Rhythm};
use crate::names::{Millis, ModelName};
use crate::request::Request;

/// Milliseconds without use after which the next use counts as a new start.
const START_GAP_MS: u64 = 120_000;
/// Models whose times of use are kept.
const MOST: usize = 1_000;

/// When a model is used, wherever it runs.
#[derive(Clone, Debug)]
pub(super) struct Habit {
    rhythm: Rhythm,
    /// The last request, as an example of the next.
    pub(super) example: Request,
    last: Millis,
    /// The next use that may come, as of the last start.
    next: Option<Expectation>,
    /// Guesses since the last start for which a model was loaded.
    guesses: u32,
    /// The expected use for which it was last loaded.
    pub(super) loaded_for: Millis,
}

impl Habit {
    pub(super) fn new(now: Millis, request: &Request) -> Self {
        let mut rhythm = Rhythm::default();
        rhythm.start(now);
        let next = rhythm.next(now, 0);
        Self { rhythm, example: request.clone(), last: now, next, guesses: 0, loaded_for: Millis(0) }
    }

    /// A model is used. Where it was idle for [`START_GAP_MS`], this counts as a new start.
    pub(super) fn begin_use(&mut self, now: Millis, request: &Request) {
        if now.since(self.last) >= START_GAP_MS {
            self.start(now, request);
        }
        self.last = now;
    }

    fn start(&mut self, now: Millis, request: &Request) {
        self.rhythm.start(now);
        self.example.clone_from(request);
        self.guesses = 0;
        self.next = self.rhythm.next(now, self.guesses);
    }

    /// The next use that may come; one that has not come is given up.
    pub(super) fn expect(&mut self, now: Millis) -> Option<Expectation> {
        if self.next.is_some_and(|next| next.over() <= now) {
            self.next = self.rhythm.next(now, self.guesses);
        }
        self.next
    }

    /// A model was loaded for this use.
    pub(super) fn note_load(&mut self, coming: Expectation) {
        self.loaded_for = coming.at;
        self.guesses += u32::from(coming.share < 1.0);
    }
}

impl Dispatcher {
    /// When the next use of a model is expected that comes back by the clock.
    pub(super) fn expected(&self, name: &ModelName) -> Option<Millis> {
        let next = self.managing.habits.get(name)?.next?;
        (next.share >= 1.0).then_some(next.at)
    }

    /// The habits of all models, to be kept.
    pub(super) fn habits(&self) -> impl Iterator<Item = HabitSnapshot> + '_ {
        self.managing.habits.iter().map(|(model, habit)| HabitSnapshot {
            model: model.clone(),
            starts: habit.rhythm.starts(),
            example: habit.example.clone(),
        })
    }

    /// Adds starts of a model's uses that an earlier dispatcher, or another program, saw.
    pub(super) fn recall_habit(&mut self, model: &ModelName, starts: &[Millis], example: &Request) {
        let habits = &mut self.managing.habits;
        if !habits.contains_key(model) && habits.len() >= MOST {
            return;
        }
        let (now, last) = (self.now, starts.last().copied().unwrap_or_default());
        let habit = habits.entry(model.clone()).or_insert_with(|| Habit {
            rhythm: Rhythm::default(),
            example: example.clone(),
            last,
            next: None,
            guesses: 0,
            loaded_for: Millis(0),
        });
        habit.rhythm.absorb(starts);
        habit.last = habit.last.max(last);
        habit.next = habit.rhythm.next(now.max(last), habit.guesses);
    }
}
