//! What a decision costs by number of arms: `cargo bench -p smart-ai-core --bench decide`.

mod fleet;

use fleet::{idle, worked};
use smart_ai_core::{Dispatcher, Event, JobId, LifecycleMode, LookAhead, Millis, Request, Task};

fn main() {
    divan::main();
}

/// All models known, a few calls under way.
fn known(arms: usize) -> Dispatcher {
    let mut dispatcher = idle(arms, LookAhead::Auto, LifecycleMode::Off);
    for job in 0..3 {
        dispatcher.step(Millis(1), Event::Submit { job: JobId(job), request: Request::new(Task::Chat, 300) });
    }
    dispatcher
}

/// A dry run with all its explanations; little is known, so nothing is played.
#[divan::bench(args = [10, 40, 200, 1000])]
fn decide(bencher: divan::Bencher<'_, '_>, arms: usize) {
    let dispatcher = known(arms);
    let request = Request::new(Task::Summarize, 800);
    bencher.bench(|| dispatcher.decide(Millis(2), &request));
}

#[divan::bench(args = [10, 40, 200, 1000])]
fn submit(bencher: divan::Bencher<'_, '_>, arms: usize) {
    step(bencher, &known(arms), Millis(2));
}

/// A request on a fleet whose rates are learned, by the score alone.
#[divan::bench(args = [10, 40, 200, 1000])]
fn scored(bencher: divan::Bencher<'_, '_>, arms: usize) {
    let (dispatcher, now) = worked(arms, LookAhead::Off, LifecycleMode::Off);
    step(bencher, &dispatcher, now);
}

/// One `step(Submit)` on a fleet with half of its hosts at work, where looking ahead may play the choice through.
#[divan::bench(args = [10, 40, 200, 1000])]
fn planned(bencher: divan::Bencher<'_, '_>, arms: usize) {
    let (dispatcher, now) = worked(arms, LookAhead::Auto, LifecycleMode::Off);
    step(bencher, &dispatcher, now);
}

fn step(bencher: divan::Bencher<'_, '_>, dispatcher: &Dispatcher, now: Millis) {
    let mut request = Request::new(Task::Summarize, 800);
    request.shape = Some("shape-1".into());
    let event = Event::Submit { job: JobId(u64::from(u32::MAX)), request };
    bencher
        .with_inputs(|| (dispatcher.clone(), event.clone()))
        .bench_local_values(|(mut dispatcher, event)| (dispatcher.step(now, event), dispatcher));
}
