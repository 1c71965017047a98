//! What the state takes, and whether it grows: `cargo bench -p smart-ai-core --bench memory`. One JSON object on stdout.
#![expect(clippy::print_stdout, reason = "a measurement prints its result")]

mod fleet;

use std::alloc::System;

use fleet::{answer, submit};
use smart_ai_core::{AttemptId, LifecycleMode, LookAhead, Millis, Request, Task};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Jobs of the soak, and how many of them are under way or wait at a time.
const JOBS: u64 = 1_000_000;
const AT_ONCE: u64 = 3;
/// Shapes, more than are kept.
const SHAPES: u64 = 5_000;

fn main() {
    let states: Vec<String> = [40, 200, 1_000].into_iter().map(state).collect();
    println!("{{\"states\":[{}],\"soak\":[{}]}}", states.join(","), soak().join(","));
}

fn live(region: &Region<'_, System>) -> usize {
    let change = region.change();
    change.bytes_allocated.saturating_sub(change.bytes_deallocated)
}

/// Bytes of a fleet that has worked and rests, and of one with half of its hosts at work.
fn state(arms: usize) -> String {
    let region = Region::new(ALLOCATOR);
    let (dispatcher, _) = fleet::learned(arms, LookAhead::Auto, LifecycleMode::Off);
    let heap = live(&region);
    let region = Region::new(ALLOCATOR);
    let working = fleet::worked(arms, LookAhead::Auto, LifecycleMode::Off);
    let at_work = live(&region);
    drop(working);
    let snapshot = serde_json::to_string(&dispatcher.snapshot()).map_or(0, |text| text.len());
    format!(
        "{{\"arms\":{arms},\"heap_bytes\":{heap},\"at_work_bytes\":{at_work},\"snapshot_bytes\":{snapshot}}}"
    )
}

/// Live bytes after each tenth of the jobs: every call is answered 200 ms after it was made.
fn soak() -> Vec<String> {
    let region = Region::new(ALLOCATOR);
    let mut dispatcher = fleet::idle(12, LookAhead::Off, LifecycleMode::Off);
    let (mut now, mut found) = (Millis(1), Vec::new());
    let mut calls: Vec<AttemptId> = Vec::new();
    for job in 0..JOBS {
        let mut request = Request::new(Task::Chat, 200 + (job % 700) as u32);
        request.shape = Some(format!("shape-{}", job % SHAPES).as_str().into());
        calls.extend(submit(&mut dispatcher, now, job, request));
        now = now.plus(200);
        if job % AT_ONCE == AT_ONCE - 1 {
            while let Some(attempt) = calls.pop() {
                calls.extend(answer(&mut dispatcher, now, attempt, 200.0));
            }
        }
        if (job + 1) % (JOBS / 10) == 0 {
            found.push(format!("{{\"jobs\":{},\"heap_bytes\":{}}}", job + 1, live(&region)));
        }
    }
    found
}
