//! Ollama's scheduling rules in virtual time: one test a rule.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail by panicking")]

use smart_ai_sim::scheduler::{
    Demand, FOREVER, JobId, Limits, LoadError, LoadOptions, Memory, Nanos, Notice, QueueFull, Scheduler,
};

const SECOND: Nanos = 1_000_000_000;

fn limits() -> Limits {
    Limits {
        max_queue: 512,
        max_loaded: 3,
        memory: Memory { total: None, fit: 0.8 },
        refuse_oversize: true,
        keep_alive: 300 * SECOND,
        unload_time: 0,
    }
}

fn demand(model: &str) -> Demand {
    Demand {
        key: model.into(),
        name: model.into(),
        options: LoadOptions { num_ctx: 4096, num_gpu: -1, rest: (512, 0, 0, None) },
        session: None,
        bytes: 100,
        load_time: SECOND,
        slots: 1,
    }
}

/// A scheduler and the time it is driven with.
struct Driven(Scheduler, Nanos);

impl Driven {
    fn new(limits: Limits) -> Self {
        Self(Scheduler::new(limits), 0)
    }

    fn ask(&mut self, job: u64, demand: Demand) -> Result<Vec<Notice>, QueueFull> {
        self.0.submit(self.1, JobId(job), demand).map(|()| self.notices())
    }

    fn leave(&mut self, job: u64) -> Vec<Notice> {
        self.0.leave(self.1, JobId(job));
        self.notices()
    }

    fn pass(&mut self, seconds: u64) -> Vec<Notice> {
        self.1 += seconds * SECOND;
        self.0.advance(self.1);
        self.notices()
    }

    fn acquire(&mut self, job: u64) -> Vec<Notice> {
        self.0.acquire(JobId(job));
        self.notices()
    }

    /// Loads a model and leaves it idle.
    fn warm(&mut self, job: u64, demand: Demand) {
        let seconds = demand.load_time / SECOND;
        self.ask(job, demand).unwrap();
        assert_eq!(self.pass(seconds), [Notice::Ready(JobId(job))]);
        self.leave(job);
    }

    fn notices(&mut self) -> Vec<Notice> {
        std::iter::from_fn(|| self.0.poll()).collect()
    }

    fn loaded(&self) -> Vec<&str> {
        self.0.runners().map(|(key, _)| key).collect()
    }
}

fn started(job: u64) -> Notice {
    Notice::LoadStarted(JobId(job))
}
fn ready(job: u64) -> Notice {
    Notice::Ready(JobId(job))
}
fn slot(job: u64) -> Notice {
    Notice::Slot(JobId(job))
}

#[test]
fn loads_run_one_after_another() {
    let mut host = Driven::new(limits());
    assert_eq!(host.ask(1, demand("a")), Ok(vec![started(1)]));
    assert_eq!(host.ask(2, demand("b")), Ok(vec![]));
    assert_eq!(host.loaded(), Vec::<&str>::new(), "a loading model is not listed");
    assert_eq!(host.pass(1), [ready(1), started(2)]);
    assert_eq!(host.pass(1), [ready(2)]);
    assert_eq!(host.loaded(), ["a", "b"]);
}

#[test]
fn a_loaded_model_bypasses_the_queue() {
    let mut host = Driven::new(limits());
    host.warm(1, demand("a"));
    host.ask(2, demand("b")).unwrap();
    assert_eq!(host.ask(3, demand("c")), Ok(vec![]));
    assert_eq!(host.ask(4, demand("a")), Ok(vec![ready(4)]));
}

#[test]
fn slots_are_given_in_order_of_asking() {
    let mut host = Driven::new(limits());
    host.warm(1, demand("a"));
    for job in 2..=4 {
        host.ask(job, demand("a")).unwrap();
    }
    assert_eq!(host.acquire(2), [slot(2)]);
    assert_eq!(host.acquire(3), []);
    assert_eq!(host.acquire(4), []);
    assert_eq!(host.leave(3), [], "one that waits may leave");
    assert_eq!(host.leave(2), [slot(4)]);
}

#[test]
fn several_slots_serve_several_requests_at_once() {
    let mut host = Driven::new(limits());
    let wide = Demand { slots: 2, ..demand("a") };
    host.warm(1, wide.clone());
    for job in 2..=4 {
        host.ask(job, wide.clone()).unwrap();
    }
    assert_eq!((host.acquire(2), host.acquire(3), host.acquire(4)), (vec![slot(2)], vec![slot(3)], vec![]));
}

#[test]
fn the_queue_is_bounded_behind_the_one_being_placed() {
    let mut host = Driven::new(Limits { max_queue: 1, ..limits() });
    host.ask(1, demand("a")).unwrap();
    host.ask(2, demand("b")).unwrap();
    assert_eq!(host.ask(3, demand("c")), Err(QueueFull));
    assert_eq!(host.0.counts().refused, 1);
}

#[test]
fn the_victim_has_the_shortest_session_and_then_the_first_name() {
    let mut host = Driven::new(limits());
    host.warm(1, Demand { session: Some(60 * SECOND), ..demand("b") });
    host.warm(2, Demand { session: Some(60 * SECOND), ..demand("a") });
    host.warm(3, Demand { session: Some(30 * SECOND), ..demand("c") });
    host.ask(4, demand("d")).unwrap();
    assert_eq!(host.loaded(), ["a", "b"]);
    host.pass(1);
    host.leave(4);
    host.ask(5, demand("e")).unwrap();
    assert_eq!(host.loaded(), ["b", "d"]);
    assert_eq!(host.0.counts().evictions, 2);
}

#[test]
fn an_idle_runner_goes_before_a_busy_one_of_a_shorter_session() {
    let mut host = Driven::new(Limits { max_loaded: 2, ..limits() });
    host.warm(1, Demand { session: Some(FOREVER), ..demand("idle") });
    host.ask(2, Demand { session: Some(SECOND), ..demand("busy") }).unwrap();
    host.pass(1);
    host.ask(3, demand("new")).unwrap();
    assert_eq!(host.loaded(), ["busy"]);
}

#[test]
fn a_busy_victim_is_waited_for_and_blocks_the_queue() {
    let mut host = Driven::new(Limits { max_loaded: 1, ..limits() });
    host.ask(1, demand("a")).unwrap();
    host.pass(1);
    assert_eq!(host.ask(2, demand("b")), Ok(vec![]));
    assert_eq!(host.ask(3, demand("c")), Ok(vec![]));
    assert_eq!(host.loaded(), ["a"], "never unloaded while in use");
    assert_eq!(host.leave(1), [started(2)]);
    assert_eq!(host.pass(1), [ready(2)], "c waits for b to end");
    assert_eq!(host.leave(2), [started(3)]);
}

#[test]
fn a_marked_victim_is_waited_for_even_if_another_runner_goes_idle() {
    let mut host = Driven::new(Limits { max_loaded: 2, ..limits() });
    for (job, model, session) in [(1, "short", 10), (2, "long", 20)] {
        host.ask(job, Demand { session: Some(session * SECOND), ..demand(model) }).unwrap();
        host.pass(1);
    }
    host.ask(3, demand("new")).unwrap();
    assert_eq!(host.leave(2), [], "`long` is idle, but `short` was chosen");
    assert_eq!(host.leave(1), [started(3)]);
    assert_eq!(host.loaded(), ["long"]);
}

#[test]
fn memory_beside_others_is_filled_to_the_fit_only() {
    let memory = Memory { total: Some(1000), fit: 0.8 };
    let mut host = Driven::new(Limits { memory, ..limits() });
    host.warm(1, Demand { bytes: 900, ..demand("a") });
    host.ask(2, Demand { bytes: 90, ..demand("b") }).unwrap();
    assert_eq!(host.loaded(), Vec::<&str>::new(), "90 of 100 free is more than 80 %");
    host.pass(1);
    host.leave(2);
    host.ask(3, Demand { bytes: 700, ..demand("c") }).unwrap();
    assert_eq!(host.loaded(), ["b"], "700 of 910 free is less");
}

#[test]
fn a_model_larger_than_the_memory_is_refused_or_not() {
    let memory = Memory { total: Some(1000), fit: 0.8 };
    let large = Demand { bytes: 1001, ..demand("a") };
    let mut host = Driven::new(Limits { memory, ..limits() });
    let refusal = LoadError::TooLarge { need: 1001, available: 1000 };
    assert_eq!(host.ask(1, large.clone()), Ok(vec![Notice::Failed(JobId(1), refusal)]));
    let mut host = Driven::new(Limits { memory, refuse_oversize: false, ..limits() });
    assert_eq!(host.ask(1, large), Ok(vec![started(1)]));
}

#[test]
fn a_session_ends_after_the_last_use() {
    let mut host = Driven::new(limits());
    host.warm(1, Demand { session: Some(10 * SECOND), ..demand("a") });
    host.pass(9);
    host.ask(2, demand("a")).unwrap();
    host.pass(60);
    assert_eq!(host.loaded(), ["a"], "not while it is used");
    host.leave(2);
    host.pass(9);
    assert_eq!(host.loaded(), ["a"], "a request without keep_alive keeps the runner's own");
    host.pass(1);
    assert_eq!(host.loaded(), Vec::<&str>::new());
}

#[test]
fn expiry_is_only_set_when_the_runner_goes_idle() {
    let mut host = Driven::new(limits());
    host.warm(1, Demand { session: Some(10 * SECOND), ..demand("a") });
    host.ask(2, demand("a")).unwrap();
    host.pass(20);
    let stale = host.0.runners().next().map(|(_, runner)| runner.shown_expiry(host.1)).unwrap();
    assert_eq!(stale, 11 * SECOND, "in the past while busy");
}

#[test]
fn a_session_of_zero_unloads_after_the_request_and_forever_never() {
    let mut host = Driven::new(limits());
    host.warm(1, Demand { session: Some(0), ..demand("a") });
    assert_eq!(host.loaded(), Vec::<&str>::new());
    host.warm(2, Demand { session: Some(FOREVER), ..demand("a") });
    host.pass(1_000_000);
    assert_eq!(host.loaded(), ["a"]);
}

#[test]
fn an_explicit_unload_never_kills_a_request() {
    let mut host = Driven::new(limits());
    host.ask(1, demand("a")).unwrap();
    host.pass(1);
    host.0.unload(host.1, "a");
    assert_eq!(host.loaded(), ["a"]);
    host.leave(1);
    assert_eq!(host.loaded(), Vec::<&str>::new());
    host.0.unload(host.1, "a");
    assert_eq!(host.0.counts().unloads, 1, "unloading what is not loaded does nothing");
}

#[test]
fn other_load_options_reload_and_the_automatic_gpu_choice_does_not() {
    let mut host = Driven::new(limits());
    let options = LoadOptions { num_ctx: 4096, num_gpu: 10, rest: (512, 0, 0, None) };
    host.warm(1, Demand { options: options.clone(), ..demand("a") });
    assert_eq!(host.ask(2, demand("a")), Ok(vec![ready(2)]), "num_gpu -1 takes what there is");
    host.leave(2);
    let longer = LoadOptions { num_ctx: 8192, ..options };
    assert_eq!(host.ask(3, Demand { options: longer, ..demand("a") }), Ok(vec![started(3)]));
    assert_eq!(host.0.counts().reloads, 1);
}

#[test]
fn a_load_is_aborted_when_its_client_leaves() {
    let mut host = Driven::new(limits());
    host.ask(1, demand("a")).unwrap();
    host.ask(2, demand("b")).unwrap();
    assert_eq!(host.leave(1), [started(2)]);
    assert_eq!(host.pass(1), [ready(2)]);
    assert_eq!(host.loaded(), ["b"]);
    assert_eq!(host.0.counts().load_aborts, 1);
}

#[test]
fn one_that_left_the_head_of_the_queue_still_cost_the_victim() {
    let mut host = Driven::new(Limits { max_loaded: 1, ..limits() });
    host.ask(1, demand("a")).unwrap();
    host.pass(1);
    host.ask(2, demand("b")).unwrap();
    assert_eq!(host.leave(2), []);
    assert_eq!(host.leave(1), []);
    assert_eq!(host.loaded(), Vec::<&str>::new());
    assert_eq!(host.0.queued(), 0);
}

#[test]
fn memory_of_an_unloaded_model_takes_its_time_to_return() {
    let mut host = Driven::new(Limits { max_loaded: 1, unload_time: 2 * SECOND, ..limits() });
    host.warm(1, demand("a"));
    assert_eq!(host.ask(2, demand("b")), Ok(vec![]));
    assert_eq!(host.pass(1), []);
    assert_eq!(host.pass(1), [started(2)]);
}

#[test]
fn a_doomed_load_fails_when_it_would_have_ended() {
    let mut host = Driven::new(limits());
    host.ask(1, demand("a")).unwrap();
    host.0.doom(JobId(1), "out of memory".into());
    let failed = Notice::Failed(JobId(1), LoadError::Doomed("out of memory".into()));
    assert_eq!(host.pass(1)[0], failed);
    assert_eq!(host.loaded(), Vec::<&str>::new());
}

#[test]
fn tags_of_one_file_share_a_runner() {
    let mut host = Driven::new(limits());
    host.warm(1, Demand { key: "file".into(), ..demand("a") });
    assert_eq!(host.ask(2, Demand { key: "file".into(), ..demand("b") }), Ok(vec![ready(2)]));
    assert_eq!(host.0.runners().map(|(_, runner)| &*runner.name).collect::<Vec<_>>(), ["a"]);
}

#[test]
fn a_crash_forgets_everything_but_the_counts() {
    let mut host = Driven::new(limits());
    host.warm(1, demand("a"));
    host.ask(2, demand("b")).unwrap();
    host.0.crash();
    assert_eq!((host.loaded(), host.0.queued(), host.0.counts().loads), (Vec::<&str>::new(), 0, 2));
}
