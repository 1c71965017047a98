//! How long a call asks the host to keep its model.

use smart_ai_core::{
    AttemptId, Config, Effect, Event, HostConfig, HostReport, HostState, ModelTag, ResidentModel, Tuning,
};

use crate::world::{Fleet, ask, usage};

fn kept(effects: &[Effect]) -> Option<u32> {
    effects.iter().find_map(|effect| match effect {
        Effect::Call { options, .. } => options.keep_alive_s,
        Effect::Abort { .. } | Effect::Resolve { .. } | Effect::Reject { .. } | Effect::Refresh { .. } => {
            None
        }
    })
}

#[test]
fn the_more_often_a_model_is_called_the_longer_it_is_kept() {
    let mut fleet = Fleet::of(&["pc"]);
    fleet.up("pc", &[("m", 2.0)], &["m"]);
    let first = kept(&fleet.submit(1, ask()));
    assert!(first.is_some_and(|seconds| seconds > 300), "{first:?}");
    let mut last = first;
    for job in 2..6 {
        fleet.step(Event::Started { attempt: AttemptId(job - 1) });
        fleet.step(Event::FirstToken { attempt: AttemptId(job - 1) });
        fleet.after(5_500, Event::Succeeded { attempt: AttemptId(job - 1), usage: usage() });
        let now = kept(&fleet.submit(job, ask()));
        assert!(now > last, "{now:?} after {last:?}");
        last = now;
    }
}

#[test]
fn what_the_host_keeps_is_the_least() {
    let longer = HostConfig { keep_alive_s: 86_400, ..HostConfig::new("pc") };
    let mut fleet = Fleet::new(Config::new(vec![longer]));
    fleet.up("pc", &[("m", 2.0)], &["m"]);
    let seconds = kept(&fleet.submit(1, ask()));
    assert!(seconds.is_some_and(|seconds| seconds >= 86_400), "{seconds:?}");
}

#[test]
fn nothing_is_said_where_the_owner_wants_none_of_it() {
    let own = HostConfig { keep_alive_s: 0, ..HostConfig::new("pc") };
    let mut unweighted = Config::new(vec![HostConfig::new("pc")]);
    unweighted.tuning = Tuning { keep_alive: 0.0, ..Tuning::default() };
    for config in [Config::new(vec![own]), unweighted] {
        let mut fleet = Fleet::new(config);
        fleet.up("pc", &[("m", 2.0)], &["m"]);
        assert_eq!(kept(&fleet.submit(1, ask())), None);
    }
}

#[test]
fn a_model_that_is_kept_for_ever_stays_so() {
    let mut fleet = Fleet::of(&["pc"]);
    fleet.up("pc", &[("m", 2.0)], &["m"]);
    let tag = ModelTag { name: "m".into(), digest: "sha256:m".into(), ..ModelTag::default() };
    let resident = ResidentModel { name: "m".into(), pinned: true, ..ResidentModel::default() };
    let report = HostReport {
        version: Some("0.24.0".into()),
        models: Some(vec![tag]),
        resident: Some(vec![resident]),
    };
    fleet.step(Event::HostState { host: "pc".into(), state: HostState::Up(report) });
    assert_eq!(kept(&fleet.submit(1, ask())), None);
}
