use super::*;

const HOST: HostTraits = HostTraits {
    speed: 1.0,
    memory_bytes: 10e9,
    sharing: 1.0,
    parallel: 1,
    max_loaded: 3,
    keep_alive_s: 300.0,
};

fn one(traits: HostTraits, sizes: &[(f64, f64)]) -> Fleet {
    let named = sizes.iter().zip(["a", "b", "c"]);
    let arm = |((gb, load_s), name): (&(f64, f64), &str)| ArmTraits {
        name: name.to_owned(),
        bytes: gb * 1e9,
        load_s: *load_s,
    };
    Fleet::new([(traits, named.map(arm).collect())])
}

fn work(job: u64, prefill_s: f64, decode_s: f64) -> Work {
    Work { job, prefill_s, decode_s, keep_alive_s: None }
}

fn finished(fleet: &mut Fleet, until: f64) -> Vec<(u64, f64)> {
    fleet.advance(until);
    let mut ends = Vec::new();
    for happening in fleet.take_happened() {
        if let Happening::Finished { job, at } = happening {
            ends.push((job, (at * 1e3).round() / 1e3));
        }
    }
    ends
}

#[test]
fn a_cold_model_is_loaded_then_reads_then_writes_and_leaves() {
    let mut fleet = one(HOST, &[(4.0, 5.0)]);
    fleet.submit(0, 0, work(1, 2.0, 3.0));
    assert_eq!(fleet.state(0, 0), RunnerState::Loading);
    fleet.advance(100.0);
    let all: Vec<Happening> = fleet.take_happened().collect();
    assert_eq!(
        all,
        [
            Happening::Loaded { at: 5.0, host: 0, model: 0 },
            Happening::Ready { at: 5.0, job: 1 },
            Happening::Started { at: 5.0, job: 1 },
            Happening::FirstToken { at: 7.0, job: 1 },
            Happening::Finished { at: 10.0, job: 1 },
        ]
    );
    assert_eq!(fleet.state(0, 0), RunnerState::Loaded);
    fleet.advance(310.0);
    assert_eq!((fleet.state(0, 0), fleet.used_bytes(0)), (RunnerState::Cold, 0.0));
}

#[test]
fn two_runners_share_the_host_and_a_slot_is_served_in_order() {
    let mut fleet = one(HOST, &[(2.0, 0.0), (2.0, 0.0)]);
    fleet.submit(0, 0, work(1, 1.0, 3.0));
    fleet.submit(0, 0, work(2, 1.0, 1.0));
    fleet.submit(0, 1, work(3, 1.0, 1.0));
    assert_eq!(finished(&mut fleet, 100.0), [(3, 4.0), (1, 6.0), (2, 8.0)]);
}

#[test]
fn a_load_waits_for_the_victim_that_ollama_named_however_soon_another_would_be_idle() {
    let mut fleet = one(HOST, &[(4.0, 0.0), (4.0, 0.0), (6.0, 1.0)]);
    fleet.submit(0, 0, work(1, 0.0, 20.0));
    fleet.submit(0, 1, work(2, 0.0, 1.0));
    fleet.advance(0.5);
    fleet.submit(0, 2, work(3, 0.0, 1.0));
    assert_eq!((fleet.state(0, 2), fleet.can_load_now(0, 2)), (RunnerState::Waiting, false));
    let ends = finished(&mut fleet, 200.0);
    assert_eq!(ends, [(2, 2.0), (1, 21.0), (3, 23.0)]);
}

#[test]
fn what_waits_behind_a_blocked_load_waits_too_but_a_loaded_model_serves() {
    let mut fleet = one(HOST, &[(7.0, 0.0), (7.0, 1.0), (1.0, 1.0)]);
    fleet.submit(0, 0, work(1, 0.0, 10.0));
    fleet.submit(0, 1, work(2, 0.0, 1.0));
    fleet.submit(0, 2, work(3, 0.0, 1.0));
    fleet.submit(0, 0, work(4, 0.0, 1.0));
    let order: Vec<u64> = finished(&mut fleet, 200.0).into_iter().map(|(job, _)| job).collect();
    assert_eq!(order, [1, 4, 2, 3]);
}

#[test]
fn a_client_that_leaves_ends_the_load_it_asked_for() {
    let mut fleet = one(HOST, &[(1.0, 4.0)]);
    fleet.submit(0, 0, work(1, 1.0, 9.0));
    fleet.advance(1.0);
    fleet.cancel(0, 1);
    fleet.advance(10.0);
    assert_eq!((fleet.state(0, 0), fleet.jobs(0, 0)), (RunnerState::Cold, 0));
}

#[test]
fn a_model_larger_than_its_host_works_five_times_slower_until_it_is_loaded_anew() {
    let mut fleet = one(HOST, &[(12.0, 1.0)]);
    fleet.submit(0, 0, work(1, 0.0, 1.0));
    assert_eq!(finished(&mut fleet, 10.0), [(1, 6.0)]);
    fleet.set_memory(0, 20e9);
    fleet.submit(0, 0, work(2, 0.0, 1.0));
    assert_eq!((fleet.slowdown(0, 0), finished(&mut fleet, 20.0)), (5.0, vec![(2, 15.0)]));
}

#[test]
fn a_host_that_stands_still_goes_on_when_it_may() {
    let mut fleet = one(HOST, &[(1.0, 0.0)]);
    fleet.submit(0, 0, work(1, 1.0, 1.0));
    fleet.advance(1.0);
    fleet.set_speed(0, 0.0);
    fleet.advance(50.0);
    fleet.set_speed(0, 2.0);
    assert_eq!(finished(&mut fleet, 100.0), [(1, 50.5)]);
}

#[test]
fn a_clone_plays_on_without_its_source() {
    let mut fleet = one(HOST, &[(1.0, 1.0)]);
    fleet.submit(0, 0, work(1, 1.0, 1.0));
    let mut copy = fleet.clone();
    assert_eq!(finished(&mut copy, 100.0), [(1, 3.0)]);
    assert_eq!((fleet.now(), fleet.jobs(0, 0)), (0.0, 1));
}
