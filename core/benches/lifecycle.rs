//! What a decision costs more where models come and go by themselves: `cargo bench -p smart-ai-core --bench lifecycle`. Each is
//! measured in turn with lifecycle off and on, so that other work on the machine disturbs both alike; one line of JSON.
#![expect(clippy::print_stdout, reason = "a measurement prints what it found")]
#![expect(clippy::disallowed_types, clippy::disallowed_methods, reason = "a measurement reads the clock")]

mod fleet;

use std::hint::black_box;
use std::time::Instant;

use fleet::{calls_of, worked};
use smart_ai_core::{Dispatcher, Event, JobId, LifecycleMode, LookAhead, Millis, Request, Task, Usage};

const ARMS: [usize; 4] = [10, 40, 200, 1_000];
const SAMPLES: usize = 1_001;

fn main() {
    let mut rows = Vec::new();
    for look_ahead in [LookAhead::Off, LookAhead::Auto] {
        for arms in ARMS {
            let modes = [LifecycleMode::Off, LifecycleMode::On].map(|mode| worked(arms, look_ahead, mode));
            let mut decisions = [Vec::new(), Vec::new()];
            let mut jobs = [Vec::new(), Vec::new()];
            for _ in 0..SAMPLES {
                for (place, (dispatcher, now)) in modes.iter().enumerate() {
                    let (decision, job) = one(dispatcher.clone(), *now);
                    if let (Some(decisions), Some(jobs)) = (decisions.get_mut(place), jobs.get_mut(place)) {
                        decisions.push(decision);
                        jobs.push(job);
                    }
                }
            }
            let planned = look_ahead == LookAhead::Auto;
            let [decision_off, decision_on] = decisions.map(median);
            let [job_off, job_on] = jobs.map(median);
            rows.push(format!(
                r#"{{"arms":{arms},"planned":{planned},"decision_off":{decision_off},"decision_on":{decision_on},"job_off":{job_off},"job_on":{job_on}}}"#
            ));
        }
    }
    println!("[{}]", rows.join(","));
}

/// Nanoseconds of a decision, and of a whole job with it.
fn one(mut dispatcher: Dispatcher, now: Millis) -> (u128, u128) {
    let mut request = Request::new(Task::Summarize, 800);
    request.shape = Some("shape-1".into());
    let event = Event::Submit { job: JobId(u64::from(u32::MAX)), request };
    let began = Instant::now();
    let calls = calls_of(&mut dispatcher, now, event);
    let decided = began.elapsed().as_nanos();
    let usage = Usage { prompt_tokens: 800, output_tokens: 120, total_ms: 300.0, ..Usage::default() };
    for attempt in calls {
        black_box(calls_of(&mut dispatcher, now.plus(300), Event::Succeeded { attempt, usage }));
    }
    let job = began.elapsed().as_nanos();
    drop(black_box(dispatcher));
    (decided, job)
}

fn median(mut samples: Vec<u128>) -> u128 {
    samples.sort_unstable();
    samples.get(samples.len() / 2).copied().unwrap_or_default()
}
