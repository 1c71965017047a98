use proptest::prelude::*;

use super::*;

const HOST: HostTraits = HostTraits {
    speed: 1.0,
    memory_bytes: 10e9,
    sharing: 1.0,
    parallel: 1,
    batching: 1.0,
    max_loaded: 3,
    keep_alive_s: 300.0,
};

fn arm(gb: f64, load_s: f64) -> ArmTraits {
    ArmTraits { bytes: gb * 1e9, load_s }
}

fn work(job: u64, prefill_s: f64, decode_s: f64) -> Work {
    Work { job, prefill_s, decode_s, keep_alive_s: None }
}

fn one(traits: HostTraits, arms: &[ArmTraits]) -> Dynamics {
    Dynamics::new([(traits, arms.to_vec())])
}

fn finished(fleet: &mut Dynamics, until: f64) -> Vec<(u64, f64)> {
    fleet.advance(until);
    let finish = |happening| match happening {
        Happening::Finished { at, job } => Some((job, (at * 1e6).round() / 1e6)),
        Happening::Loaded { .. } | Happening::FirstToken { .. } | Happening::Evicted { .. } => None,
    };
    fleet.take_happened().filter_map(finish).collect()
}

#[test]
fn a_cold_model_is_loaded_then_reads_then_writes() {
    let mut fleet = one(HOST, &[arm(4.0, 5.0)]);
    fleet.submit(0, 0, work(1, 2.0, 3.0));
    fleet.advance(100.0);
    let all: Vec<Happening> = fleet.take_happened().collect();
    assert_eq!(
        all,
        [
            Happening::Loaded { at: 5.0, host: 0, model: 0, load_s: 5.0 },
            Happening::FirstToken { at: 7.0, job: 1 },
            Happening::Finished { at: 10.0, job: 1 },
        ]
    );
    assert_eq!(fleet.state(0, 0), RunnerState::Loaded);
    fleet.advance(310.0);
    assert_eq!(fleet.state(0, 0), RunnerState::Cold);
}

#[test]
fn two_runners_share_the_host_and_a_slot_is_served_in_order() {
    let mut fleet = one(HOST, &[arm(2.0, 1.0), arm(2.0, 1.0)]);
    fleet.place(0, 0);
    fleet.place(0, 1);
    fleet.submit(0, 0, work(1, 1.0, 3.0));
    fleet.submit(0, 0, work(2, 1.0, 1.0));
    fleet.submit(0, 1, work(3, 1.0, 1.0));
    // 3 shares with 1 until it has done its 2 s at half speed; then 1 is alone.
    assert_eq!(finished(&mut fleet, 100.0), [(3, 4.0), (1, 6.0), (2, 8.0)]);
}

#[test]
fn slots_of_one_runner_share_it() {
    let mut fleet = one(HostTraits { parallel: 2, ..HOST }, &[arm(2.0, 1.0)]);
    fleet.place(0, 0);
    fleet.submit(0, 0, work(1, 0.0, 4.0));
    fleet.submit(0, 0, work(2, 0.0, 1.0));
    let ends = finished(&mut fleet, 100.0);
    assert!(ends.iter().map(|(job, _)| *job).eq([2, 1]), "{ends:?}");
    assert!((ends.iter().map(|(_, at)| at).sum::<f64>() - 7.0).abs() < 1e-3, "{ends:?}");
}

#[test]
fn loads_come_one_after_another_and_evict_idle_runners_only() {
    let mut fleet = one(HOST, &[arm(5.0, 2.0), arm(5.0, 3.0)]);
    fleet.submit(0, 0, work(1, 1.0, 9.0));
    fleet.submit(0, 1, work(2, 1.0, 1.0));
    assert_eq!(fleet.state(0, 1), RunnerState::Waiting);
    assert!(!fleet.can_load_now(0, 1));
    // The second model does not fit beside the first, which is at work until 12.
    assert_eq!(finished(&mut fleet, 100.0), [(1, 12.0), (2, 17.0)]);
    assert_eq!(fleet.state(0, 0), RunnerState::Cold);
}

#[test]
fn a_model_larger_than_its_host_works_five_times_slower() {
    let mut fleet = one(HOST, &[arm(12.0, 1.0)]);
    fleet.submit(0, 0, work(1, 0.0, 1.0));
    assert_eq!(finished(&mut fleet, 100.0).first().map(|(_, at)| at.round()), Some(6.0));
}

#[test]
fn time_goes_on_however_late_it_is_and_however_small_the_work() {
    let mut fleet = one(HOST, &[arm(4.0, 5.0)]);
    fleet.advance(1e13);
    fleet.submit(0, 0, work(1, 1e-7, 1e-5));
    assert_eq!(finished(&mut fleet, 2e13).len(), 1);
}

proptest! {
    #[test]
    fn every_job_ends_once_memory_and_slots_are_kept_and_a_replay_is_the_same(
        jobs in prop::collection::vec((0.0..30.0_f64, 0_usize..3, 0_usize..4, 0.01..5.0_f64, 0.0..20.0_f64), 1..60),
        parallel in 1_u32..3,
        max_loaded in 1_u32..4,
    ) {
        let traits = HostTraits { parallel, max_loaded, ..HOST };
        let arms = vec![arm(2.0, 1.0), arm(4.0, 2.0), arm(9.0, 4.0), arm(20.0, 9.0)];
        let mut fleet = Dynamics::new((0..3).map(|_| (traits, arms.clone())));
        let mut arrivals = jobs.clone();
        arrivals.sort_by(|left, right| left.0.total_cmp(&right.0));
        let play = |fleet: &mut Dynamics| {
            let mut all = Vec::new();
            for (id, (at, host, model, prefill_s, decode_s)) in arrivals.iter().enumerate() {
                fleet.advance(*at);
                fleet.submit(*host, *model, work(id as u64, *prefill_s, *decode_s));
                all.extend(fleet.take_happened());
                for host in 0..3 {
                    let loaded: Vec<usize> = (0..4)
                        .filter(|model| matches!(fleet.state(host, *model), RunnerState::Loaded | RunnerState::Loading))
                        .collect();
                    assert!(loaded.len() <= max_loaded as usize);
                    let used: f64 = loaded.iter().filter_map(|model| arms.get(*model)).map(|arm| arm.bytes).sum();
                    assert!(used <= 10e9 || loaded == [3], "{loaded:?}");
                }
            }
            fleet.advance(1e6);
            all.extend(fleet.take_happened());
            all
        };
        let mut again = fleet.clone();
        let all = play(&mut fleet);
        let mut ended: Vec<u64> = all
            .iter()
            .filter_map(|happening| match happening {
                Happening::Finished { job, .. } => Some(*job),
                Happening::Loaded { .. } | Happening::FirstToken { .. } | Happening::Evicted { .. } => None,
            })
            .collect();
        ended.sort_unstable();
        prop_assert_eq!(ended, (0..jobs.len() as u64).collect::<Vec<u64>>());
        prop_assert_eq!(all, play(&mut again));
    }
}
