//! What to do when the driver was not run for a while: the machine slept, or the program was stopped. That time counts for no
//! timeout and no deadline, and nothing is learned from it.

use crate::dispatch::Dispatcher;
use crate::dispatch::attempt::Phase;
use crate::event::Event;
use crate::failure::FailureKind;
use crate::names::Millis;

/// Milliseconds later than asked at which a driver counts as not run meanwhile, since the machine slept. A busy driver is less late.
const LATE_MS: u64 = 30_000;

impl Dispatcher {
    /// What a driver sends before the event it has, where it comes much later than [`Dispatcher::poll_timeout`] had said.
    pub fn slept(&self, now: Millis) -> Option<Event> {
        if now.since(self.now) < LATE_MS {
            return None;
        }
        let ms = now.since(self.poll_timeout()?.max(self.now));
        (ms >= LATE_MS).then_some(Event::Slept { ms })
    }

    /// Moves what was under way to after the sleep, and looks at every host anew. Connections that were open will break, which
    /// is nobody's fault.
    pub(super) fn wake(&mut self, now: Millis, slept_ms: u64) {
        let slept_ms = slept_ms.min(now.since(self.now));
        let later = |at: &mut Millis| *at = at.plus(slept_ms);
        for attempt in self.attempts.values_mut() {
            attempt.slept = true;
            attempt.hedge_at.iter_mut().chain(&mut attempt.patience.switch).for_each(later);
            [&mut attempt.began, &mut attempt.work_began, &mut attempt.running.began]
                .into_iter()
                .for_each(later);
            match &mut attempt.phase {
                Phase::BeforeFirstToken { by } => later(by),
                Phase::Answering { first_token, next_by, piece, .. } => {
                    [first_token, next_by, piece].into_iter().for_each(later);
                }
            }
        }
        for job in self.jobs.values_mut() {
            later(&mut job.submitted);
            job.stranded.iter_mut().for_each(later);
        }
        for host in &mut self.fleet.hosts {
            host.suspect = true;
            host.looked_asleep = host.looking.is_some();
            host.looking.iter_mut().for_each(later);
            host.power.slept(slept_ms);
            host.inquiries.slept(slept_ms);
            host.canary.iter_mut().for_each(|(_, since)| later(since));
        }
        self.loads.values_mut().for_each(|loading| later(&mut loading.since));
        self.metrics.slept(slept_ms);
        self.arrivals.slept(slept_ms);
        // The shared clocks of hosts stand still, too.
        later(&mut self.now);
    }
}

/// Whether a call that was under way while the machine slept may fail so for that alone.
pub(super) fn is_of_sleep(kind: FailureKind) -> bool {
    kind.is_of_connection()
        || matches!(
            kind,
            FailureKind::CutOff
                | FailureKind::Stalled
                | FailureKind::FirstTokenTimeout
                | FailureKind::LoadTimeout
        )
}
