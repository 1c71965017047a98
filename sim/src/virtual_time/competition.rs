//! Every policy plays every seed; the clairvoyant is always among them, because regret is measured against it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use super::job::Ended;
use super::measure::{Measures, Report, Run};
use super::policy::Policy;
use super::scenario::Scenario;
use super::trace;
use super::truth::Truth;
use super::workload;

/// The reference.
const REFERENCE: &str = "clairvoyant";
/// No run is played longer than this many seconds after its last arrival.
const LONGEST_TAIL_S: f64 = 86_400.0 * 7.0;

/// What to play.
#[derive(Clone, Debug)]
pub struct Competition {
    /// Where.
    pub scenario: Scenario,
    /// Who, by name.
    pub policies: Vec<(String, Policy)>,
    /// How often, and with which numbers.
    pub seeds: Vec<u64>,
}

/// How far a competition is: runs done, runs in all.
pub type Progress<'a> = &'a (dyn Fn(usize, usize) + Sync);

/// Plays everything, on as many threads as there are processors.
pub fn compete(competition: &Competition, progress: Progress<'_>) -> Report {
    let mut policies = competition.policies.clone();
    let asked = policies.len();
    // Over a week the next arrivals say little: there regret is against the first policy.
    let weeks = !competition.scenario.patterns.is_empty();
    if !weeks && !policies.iter().any(|(name, _)| name == REFERENCE) {
        policies.push((REFERENCE.to_owned(), Policy::Clairvoyant));
    }
    let tasks: Vec<(usize, u64)> = competition
        .seeds
        .iter()
        .flat_map(|seed| (0..policies.len()).map(move |policy| (policy, *seed)))
        .collect();
    let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let runs: Mutex<Vec<(usize, u64, Run)>> = Mutex::new(Vec::new());
    let threads = thread::available_parallelism().map_or(1, usize::from).min(tasks.len().max(1));
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some((policy, seed)) = tasks.get(next.fetch_add(1, Ordering::Relaxed)).copied() {
                    let Some((name, player)) = policies.get(policy) else { return };
                    let run = play(&competition.scenario, name, *player, seed);
                    runs.lock().unwrap_or_else(PoisonError::into_inner).push((policy, seed, run));
                    progress(done.fetch_add(1, Ordering::Relaxed) + 1, tasks.len());
                }
            });
        }
    });
    let mut runs = runs.into_inner().unwrap_or_else(PoisonError::into_inner);
    runs.sort_by_key(|(policy, seed, _)| (*policy, *seed));
    let of = |wanted: usize| -> Vec<&Run> {
        runs.iter().filter(|(policy, _, _)| *policy == wanted).map(|(_, _, run)| run).collect()
    };
    let position = policies.iter().position(|(name, _)| name == REFERENCE).filter(|_| !weeks);
    let reference = of(position.unwrap_or(0));
    let measured: Vec<Measures> = policies
        .iter()
        .take(asked)
        .enumerate()
        .map(|(position, (name, _))| Measures::of(name, &of(position), &reference))
        .collect();
    let rows = runs.iter().filter(|(policy, _, _)| *policy < asked).flat_map(|(_, _, run)| run.rows.clone());
    Report {
        scenario: competition.scenario.name.clone(),
        seeds: competition.seeds.clone(),
        policies: measured,
        rows: rows.collect(),
    }
}

/// One policy on one seed.
fn play(scenario: &Scenario, name: &str, policy: Policy, seed: u64) -> Run {
    let jobs = workload::jobs(scenario, seed);
    let mut truth = Truth::new(scenario, &jobs, policy.keep_alive_s());
    let mut player = policy.player(&truth, seed);
    let end = jobs.last().map_or(0.0, |job| job.arrives) + LONGEST_TAIL_S;
    let mut arrivals = jobs.iter().peekable();
    // A week is played to its end, whether or not anybody still asks.
    let days_s = scenario.days * 86_400.0;
    while (truth.ended().len() < jobs.len() || truth.now() < days_s) && truth.now() < end.max(days_s) {
        let arrival = arrivals.peek().map_or(f64::INFINITY, |job| job.arrives);
        let mut next = truth.next_at().min(arrival).min(player.wake_at());
        if truth.now() < days_s {
            next = next.min(days_s);
        }
        if !next.is_finite() {
            break;
        }
        truth.advance(next.max(truth.now()));
        let occurred = truth.take_occurred();
        if !occurred.is_empty() {
            for occurrence in occurred {
                player.occur(&mut truth, occurrence);
            }
        } else if arrival <= truth.now() {
            if let Some(job) = arrivals.next() {
                player.arrive(&mut truth, job.id);
            }
        } else if player.wake_at() <= truth.now() {
            player.wake(&mut truth);
        }
    }
    let mut ended: Vec<Ended> = truth.ended().to_vec();
    ended.sort_by_key(|ended| ended.job);
    ended.dedup_by_key(|ended| ended.job);
    let rows = trace::rows(&truth, &ended, name, seed);
    let warm = warm(&truth);
    Run {
        jobs: jobs.len(),
        ended,
        loads: truth.loads,
        evictions: truth.evictions,
        resident_gb_s: truth.resident_gb_s,
        idle_gb_s: truth.idle_gb_s,
        unloads: truth.unloads,
        prewarms: truth.prewarms,
        starts: truth.starts,
        stops: truth.stops,
        warm,
        rows,
    }
}

/// A load shorter than this was none.
const TELLING_LOAD_S: f64 = 0.05;

/// Requests of each class, and those of them whose first call found its model in memory.
fn warm(truth: &Truth<'_>) -> BTreeMap<String, (usize, usize)> {
    let mut first: Vec<Option<f64>> = vec![None; truth.jobs.len()];
    for call in &truth.calls {
        if let Some(place) = first.get_mut(call.job) {
            place.get_or_insert(call.load_s);
        }
    }
    let mut shares: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for (job, load_s) in truth.jobs.iter().zip(first) {
        let class = truth.scenario.classes.get(job.class).map_or("", |class| class.id.as_str());
        let entry = shares.entry(class.to_owned()).or_default();
        entry.0 += 1;
        entry.1 += usize::from(load_s.is_some_and(|load_s| load_s < TELLING_LOAD_S));
    }
    shares
}
