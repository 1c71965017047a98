//! Sablier's rule: a host's session begins anew with each request to it, and when it is over the host is stopped, whatever is in
//! flight. A request to a host that sleeps waits for its start. Source: Sablier 1.16, `/api/strategies/blocking`.

use super::{Player, smart::Smart};
use crate::virtual_time::truth::{Occurrence, Truth};

/// Sends requests as Smart AI does, on hosts that Sablier starts and stops.
pub(super) struct Sablier {
    smart: Smart,
    session_s: f64,
    /// When each host's session is over.
    ends: Vec<f64>,
    /// Calls that were seen.
    seen: usize,
}

impl Sablier {
    pub(super) fn new(smart: Smart, session_s: f64, hosts: usize) -> Self {
        Self { smart, session_s, ends: vec![session_s; hosts], seen: 0 }
    }

    /// Sessions of hosts that were called, or are being started, begin anew.
    fn note(&mut self, truth: &Truth<'_>) {
        let end = truth.now() + self.session_s;
        for call in truth.calls.iter().skip(self.seen) {
            if let Some(host) = self.ends.get_mut(call.host) {
                *host = end;
            }
        }
        self.seen = truth.calls.len();
        for (host, at) in self.ends.iter_mut().enumerate() {
            if truth.is_starting(host) {
                *at = end;
            }
        }
    }
}

impl Player for Sablier {
    fn arrive(&mut self, truth: &mut Truth<'_>, job: usize) {
        self.smart.arrive(truth, job);
        self.note(truth);
    }

    fn occur(&mut self, truth: &mut Truth<'_>, occurrence: Occurrence) {
        self.smart.occur(truth, occurrence);
        self.note(truth);
    }

    fn wake_at(&self) -> f64 {
        self.ends.iter().copied().fold(self.smart.wake_at(), f64::min)
    }

    fn wake(&mut self, truth: &mut Truth<'_>) {
        for (host, end) in self.ends.iter_mut().enumerate() {
            if *end <= truth.now() {
                *end = f64::INFINITY;
                truth.stop(host);
            }
        }
        if self.smart.wake_at() <= truth.now() {
            self.smart.wake(truth);
        }
        self.note(truth);
    }
}

#[cfg(test)]
mod tests {
    use crate::virtual_time::{Competition, Measures, Policy, Scenario, compete};

    /// Two days of a few conversations on one host in a container.
    fn played(names: &[&str]) -> Vec<Measures> {
        let scenario = Scenario::from_json(
            r#"{"name":"s","days":2,
            "hosts":[{"id":"h","speed":1,"memory_gb":8,"disk_gb_per_s":1,"start_s":8,"idle_memory_gb":0.6}],
            "models":[{"id":"m","gb":2,"prefill_tok_per_s":500,"decode_tok_per_s":20}],
            "classes":[{"id":"c","models":["m"],"prompt_tokens":{"median":100,"sigma":0,"max":100},
            "output_tokens":{"median":1000,"sigma":0,"max":1000}}],
            "patterns":[{"class":"c","kind":"sessions","per_day":6,"length":{"median":4,"sigma":0},
            "gap_s":{"median":70,"sigma":0.3}}]}"#,
        );
        let policy = |name: &&str| Some(((*name).to_owned(), Policy::named(name)?));
        let policies = names.iter().filter_map(policy).collect();
        let competition = scenario.map(|scenario| Competition { scenario, policies, seeds: vec![1, 2] });
        competition.map(|competition| compete(&competition, &|_, _| {}).policies).unwrap_or_default()
    }

    #[test]
    fn hosts_that_sleep_are_started_for_who_waits_and_stopped_between() {
        let measured = played(&["always-on", "smart", "sablier:600", "sablier:40"]);
        let [always_on, smart, sablier, short] = measured.as_slice() else { unreachable!("all are played") };
        assert_eq!((always_on.starts, always_on.stops), (0.0, 0.0));
        assert!(smart.stops >= 2.0 && smart.starts >= 2.0, "{smart:?}");
        assert!(smart.success >= 1.0 && sablier.success >= 1.0, "{smart:?} {sablier:?}");
        assert!(smart.idle_gb_hours < 0.2 * always_on.idle_gb_hours, "{smart:?} {always_on:?}");
        assert!(sablier.starts >= 5.0, "{sablier:?}");
        // An answer takes 50 s: a session of 40 s stops the host while it answers.
        assert!(short.mean_s > sablier.mean_s + 5.0, "{short:?} {sablier:?}");
    }
}
