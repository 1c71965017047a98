//! How many requests a model answers at a time, where nobody tells.

use smart_ai_core::{AttemptId, Config, Effect, Event, HostConfig, JobId, Request, Tuning, Usage};

use crate::world::{Fleet, ask, call, usage};

/// A server with this many slots, whose answers go at the same speed however many it writes. A prompt takes half a second, an
/// answer five.
struct Server {
    fleet: Fleet,
    slots: usize,
    jobs: u64,
    /// Calls with the milliseconds of work each has had; the first ones have a slot.
    calls: Vec<(AttemptId, u64)>,
    most: usize,
    ended: Vec<u64>,
    aborted: usize,
}

const PROMPT_MS: u64 = 500;
const WHOLE_MS: u64 = 5_500;
const STEP_MS: u64 = 250;

impl Server {
    /// One answer has been given, so that its speed is known.
    fn new(slots: usize) -> Self {
        let mut fleet = Fleet::new(Config::new(vec![HostConfig::new("a")]));
        fleet.up("a", &[("m", 2.0)], &["m"]);
        let mut server =
            Self { fleet, slots, jobs: 0, calls: Vec::new(), most: 0, ended: Vec::new(), aborted: 0 };
        server.ask(1);
        server.run(WHOLE_MS + STEP_MS);
        server
    }

    fn take(&mut self, effects: &[Effect]) {
        for effect in effects {
            if let Effect::Call { attempt, .. } = effect {
                self.calls.push((*attempt, 0));
            } else if let Effect::Abort { attempt } = effect {
                self.calls.retain(|(call, _)| call != attempt);
                self.aborted += 1;
            } else if let Effect::Resolve { outcome, .. } = effect {
                self.ended.push(outcome.ms.total as u64);
            }
        }
        self.most = self.most.max(self.calls.len());
    }

    fn ask(&mut self, times: u64) {
        for _ in 0..times {
            self.jobs += 1;
            let effects = self.fleet.submit(self.jobs, ask());
            self.take(&effects);
        }
    }

    fn tell(&mut self, event: Event) {
        let effects = self.fleet.step(event).effects;
        self.take(&effects);
    }

    fn run(&mut self, ms: u64) {
        for _ in 0..ms / STEP_MS {
            self.fleet.now += STEP_MS;
            let effects = self.fleet.up("a", &[("m", 2.0)], &["m"]);
            self.take(&effects);
            let mut events = Vec::new();
            for (call, worked) in self.calls.iter_mut().take(self.slots) {
                *worked += STEP_MS;
                let attempt = *call;
                if *worked == PROMPT_MS {
                    events.push(Event::FirstToken { attempt });
                } else if *worked > PROMPT_MS {
                    let tokens = ((*worked - PROMPT_MS) / 50) as u32;
                    events.push(Event::Progress { attempt, tokens });
                }
            }
            for event in events {
                self.tell(event);
            }
            let over = |(call, worked): &(AttemptId, u64)| (*worked >= WHOLE_MS).then_some(*call);
            let over: Vec<AttemptId> = self.calls.iter().filter_map(over).collect();
            self.calls.retain(|(_, worked)| *worked < WHOLE_MS);
            for attempt in over {
                // As over OpenAI's API.
                let usage = Usage { prompt_ms: 0.0, output_ms: 0.0, total_ms: 0.0, ..usage() };
                self.tell(Event::Succeeded { attempt, usage });
            }
            self.tell(Event::Tick);
        }
    }

    fn parallel(&self) -> Option<u32> {
        self.fleet.dispatcher.snapshot().hosts.first().map(|host| host.parallel)
    }
}

#[test]
fn five_hundred_streams_are_answered_at_once_by_a_host_that_can() {
    let mut server = Server::new(1_000);
    server.ask(500);
    server.run(WHOLE_MS);
    assert!(server.most >= 128, "{} at a time within the first answer", server.most);
    server.run(4 * WHOLE_MS);
    assert_eq!(server.ended.len(), 501);
    assert!(server.parallel() >= Some(64), "{:?}", server.parallel());
}

#[test]
fn the_slots_of_a_host_are_found_and_kept_to() {
    for slots in [1_usize, 2, 4, 6] {
        let mut server = Server::new(slots);
        server.ask(60);
        server.run(6 * WHOLE_MS);
        assert_eq!(server.parallel(), Some(slots as u32));
        server.most = 0;
        server.run(2 * WHOLE_MS);
        assert_eq!(server.most, slots, "no more are sent than there are slots");
        server.run(60 * WHOLE_MS);
        assert_eq!((server.ended.len(), server.aborted), (61, 0), "{slots} slots");
    }
}

#[test]
fn nobody_waits_longer_where_slots_are_tried_that_are_not_there() {
    let longest = |parallel: Option<u32>| {
        let mut server = Server::new(1);
        if parallel.is_some() {
            server.fleet = Fleet::new(Config::new(vec![HostConfig { parallel, ..HostConfig::new("a") }]));
            server.fleet.up("a", &[("m", 2.0)], &["m"]);
        }
        server.jobs = 0;
        server.ask(30);
        server.run(40 * WHOLE_MS);
        assert_eq!(server.aborted, 0, "{parallel:?}");
        server.ended.iter().copied().max()
    };
    let (told, found) = (longest(Some(1)), longest(None));
    assert!(found.is_some() && found <= told.map(|ms| ms + WHOLE_MS), "{told:?} {found:?}");
}

#[test]
fn what_its_owner_tells_counts() {
    let fleet = |parallel| Fleet::new(Config::new(vec![HostConfig { parallel, ..HostConfig::new("a") }]));
    for (told, called) in [(Some(3), 3), (None, 1)] {
        let mut fleet = fleet(told);
        fleet.up("a", &[("m", 2.0)], &["m"]);
        let calls = (1..=5).filter(|job| {
            let effects = fleet.submit(*job, ask());
            effects.iter().any(|effect| matches!(effect, Effect::Call { job: JobId(_), .. }))
        });
        assert_eq!(calls.count(), called, "{told:?}");
    }
}

#[test]
fn a_model_that_others_keep_out_of_memory_gets_its_turn() {
    let host = HostConfig { parallel: Some(1), memory_gb: Some(6.0), ..HostConfig::new("a") };
    let mut fleet = Fleet::new(Config::new(vec![host]));
    let models = [("large", 4.5), ("m", 2.0), ("n", 2.0)];
    fleet.up("a", &models, &["m", "n"]);
    let of = |model: &str| Request { model: Some(model.into()), ..ask() };
    let calls = |effects: &[Effect]| {
        let call = |effect: &Effect| {
            if let Effect::Call { attempt, model, .. } = effect {
                Some((*attempt, model.as_str().to_owned()))
            } else {
                None
            }
        };
        effects.iter().filter_map(call).collect::<Vec<_>>()
    };
    let mut going: Vec<(AttemptId, String)> = Vec::new();
    for (job, model) in [(1, "m"), (2, "n"), (3, "large")] {
        going.extend(calls(&fleet.submit(job, of(model))));
    }
    // Of the two small models one is always at work, and somebody waits for the other.
    for job in 4..40 {
        if going.iter().any(|(_, model)| model == "large") {
            break;
        }
        fleet.now += 3_000;
        going.extend(calls(&fleet.up("a", &models, &["m", "n"])));
        if !going.is_empty() {
            let (attempt, model) = going.remove(0);
            going.extend(calls(&fleet.submit(job, of(&model))));
            going.extend(calls(&fleet.step(Event::FirstToken { attempt }).effects));
            going.extend(calls(&fleet.step(Event::Succeeded { attempt, usage: usage() }).effects));
        }
    }
    assert!(going.iter().any(|(_, model)| model == "large"), "never called: {going:?}");
}

#[test]
fn a_load_that_has_room_keeps_no_call_from_another_model() {
    let named = |name: &str| Request { model: Some(name.into()), ..ask() };
    let tuning = Tuning { turns: 0.0, ..Tuning::default() };
    let host = HostConfig { parallel: Some(4), memory_gb: Some(18.0), ..HostConfig::new("pc") };
    let mut fleet = Fleet::new(Config { tuning, ..Config::new(vec![host]) });
    fleet.up("pc", &[("m", 2.0), ("n", 8.0)], &["m"]);
    for (job, model) in [(1, "m"), (2, "n"), (3, "m")] {
        let effects = fleet.submit(job, named(model));
        assert_eq!(call(&effects), Some(format!("{model}@pc")), "{effects:?}");
    }
}
