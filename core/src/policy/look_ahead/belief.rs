//! The fleet as it is believed to be, as small as a plan needs it: hosts and models by position, work in seconds.

use crate::fleet::dynamics::{ArmTraits, Dynamics, HostTraits};
use crate::fleet::{Host, Model, Residency};
use crate::learn::{Kind, Length};
use crate::names::ModelName;
use crate::policy::feasibility::{Exclusions, Filter};
use crate::policy::keep_alive::keep_alive_s;
use crate::policy::load::load_s;
use crate::policy::look_ahead::outlook::{Choice, Outlook};
use crate::policy::quality::QualityPrice;
use crate::policy::score::{Scored, foreign_share};
use crate::policy::view::View;
use crate::request::Request;

/// The most hosts that are played: those of the best arms.
const HOSTS: usize = 8;
/// The most kinds of requests to come that are played.
const KINDS: usize = 8;
/// The most waiting jobs that are played.
const WAITING: usize = 12;

/// Seconds of work of one kind of request on one arm.
#[derive(Clone, Copy, Debug)]
pub(super) struct KindArm {
    pub(super) host: usize,
    pub(super) model: usize,
    /// At the expected prompt.
    pub(super) prefill_s: f64,
    pub(super) decode_s_per_token: f64,
    pub(super) keep_alive_s: Option<f64>,
    /// Expected seconds of both.
    pub(super) own_s: f64,
    /// What the answer's lack of quality counts for, in seconds.
    pub(super) quality_s: f64,
}

/// One kind of request: what it may run on, and how long its answers are.
#[derive(Clone, Debug)]
pub(super) struct PlayedKind {
    pub(super) arms: Vec<KindArm>,
    pub(super) length: Length,
    /// Standard deviation of the logarithm of its prompts.
    pub(super) prompt_sigma: f64,
    /// Requests a second.
    pub(super) rate: f64,
    /// Announced ones, which come at once.
    pub(super) announced: u32,
}

/// A call under way, to be played on.
#[derive(Clone, Copy, Debug)]
pub(super) struct PlayedCall {
    pub(super) host: usize,
    pub(super) model: usize,
    pub(super) prefill_s: f64,
    pub(super) length: Length,
    pub(super) written: f64,
    pub(super) decode_s_per_token: f64,
}

/// Everything a future is drawn from and played on.
pub(super) struct Belief {
    /// With what is in memory and being loaded, before any call.
    pub(super) fleet: Dynamics,
    pub(super) models: usize,
    /// Slots of each host's runners, and whether jobs let one another go first there.
    pub(super) slots: Vec<(usize, bool)>,
    pub(super) calls: Vec<PlayedCall>,
    /// The job that is decided about first, then those that wait; then the kinds to come.
    pub(super) jobs: Vec<PlayedKind>,
    pub(super) kinds: Vec<PlayedKind>,
    pub(super) total_rate: f64,
    pub(super) burstiness: f64,
    /// Seconds since the last request came.
    pub(super) since_last_s: f64,
    /// The choices, as positions of `fleet`; the first is the score's. Whether each would begin at once.
    pub(super) choices: Vec<(usize, usize, bool)>,
    pub(super) age_weight: f64,
    /// How readily a job lets others go first.
    pub(super) turns: f64,
}

impl Belief {
    pub(super) fn of(
        view: View<'_>,
        arms: &[Scored<'_>],
        contested: &[Choice],
        request: &Request,
        outlook: Outlook<'_>,
    ) -> Option<Self> {
        let hosts = played_hosts(arms, contested);
        let mut names: Vec<&ModelName> = hosts
            .iter()
            .filter_map(|host| view.fleet.hosts.get(*host))
            .flat_map(|host| host.models.keys())
            .collect();
        names.sort();
        names.dedup();
        let model_of = |name: &ModelName| names.binary_search(&name).ok();
        let host_of = |position: usize| hosts.iter().position(|host| *host == position);
        let played = |position: &usize| view.fleet.hosts.get(*position);
        let traits = hosts.iter().filter_map(played).map(|host| host_traits(view, host, &names));
        let mut fleet = Dynamics::new(traits);
        let mut calls = Vec::new();
        for (position, host) in hosts.iter().filter_map(played).enumerate() {
            for model in host.models.values().filter(|model| model.residency != Residency::Cold) {
                let place = model_of(&model.name)?;
                fleet.place(position, place);
                fleet.keep(position, place, f64::from(model.kept_s(host.likely_keep_alive_s())));
            }
        }
        for call in outlook.calls {
            let Some(position) = host_of(call.position) else { continue };
            let Some(model) = model_of(&call.running.model) else { continue };
            let load_left_s = call.running.load_left_s(view.now);
            if load_left_s > 0.0 {
                fleet.begin_load(position, model, load_left_s);
            } else if fleet.state(position, model) == crate::fleet::dynamics::RunnerState::Cold {
                fleet.place(position, model);
            }
            let (prefill_s, written) = call.running.progress();
            calls.push(PlayedCall {
                host: position,
                model,
                prefill_s,
                length: call.running.length,
                written,
                decode_s_per_token: 1.0 / call.running.decode_rate,
            });
        }
        let choices: Vec<(usize, usize, bool)> = contested
            .iter()
            .filter_map(|choice| {
                let arm = arms.get(choice.arm)?;
                let begins = arm.startable || choice.now;
                Some((host_of(arm.position)?, model_of(&arm.model.name)?, begins))
            })
            .collect();
        let build = Build { view, hosts: &hosts, names: &names };
        let waiting = outlook.waiting.iter().take(WAITING).map(|waiting| build.kind(waiting, None, &[]));
        let own = build.kind(request, None, &choices);
        let jobs: Vec<PlayedKind> = std::iter::once(own).chain(waiting).collect();
        let mut kinds: Vec<PlayedKind> = outlook
            .arrivals
            .kinds(view.now)
            .map(|(kind, rate)| PlayedKind {
                rate,
                announced: kind.announced(view.now),
                ..build.kind(&kind.example, Some(kind), &[])
            })
            .filter(|kind| !kind.arms.is_empty())
            .collect();
        kinds.sort_by(|left, right| right.rate.total_cmp(&left.rate));
        kinds.truncate(KINDS);
        Some(Self {
            models: names.len(),
            slots: hosts
                .iter()
                .filter_map(played)
                .map(|host| (host.known_slots() as usize, host.batching.is_known()))
                .collect(),
            total_rate: kinds.iter().map(|kind| kind.rate).sum(),
            burstiness: outlook.arrivals.burstiness(),
            since_last_s: outlook.arrivals.since_last_s(view.now),
            age_weight: view.config.tuning.age,
            turns: view.config.tuning.turns,
            fleet,
            calls,
            jobs,
            kinds,
            choices,
        })
    }
}

/// The hosts of the contested arms, then of the best others.
fn played_hosts(arms: &[Scored<'_>], contested: &[Choice]) -> Vec<usize> {
    let mut order: Vec<(f64, usize)> = arms.iter().map(|arm| (arm.score_s, arm.position)).collect();
    order.sort_by(|left, right| left.0.total_cmp(&right.0).then(left.1.cmp(&right.1)));
    let first = contested.iter().filter_map(|choice| arms.get(choice.arm)).map(|arm| arm.position);
    let mut hosts = Vec::with_capacity(HOSTS);
    for position in first.chain(order.into_iter().map(|(_, position)| position)) {
        if hosts.len() < HOSTS && !hosts.contains(&position) {
            hosts.push(position);
        }
    }
    hosts
}

fn host_traits(view: View<'_>, host: &Host, names: &[&ModelName]) -> (HostTraits, Vec<ArmTraits>) {
    let largest = host.models.values().map(|model| arm_traits(view, host, model).bytes).fold(0.0, f64::max);
    let traits = HostTraits {
        speed: 1.0 / (1.0 + foreign_share(&view, host)),
        // What was learned of a model that is partly beside the GPU holds how slow it is there.
        memory_bytes: host
            .told_memory(view.now, view.stale_ms)
            .unwrap_or_else(|| host.supposed_memory(view.now).max(largest)),
        sharing: host.sharing.taken(),
        parallel: host.known_slots(),
        batching: host.batching.taken(),
        max_loaded: host.config.max_loaded,
        keep_alive_s: f64::from(host.likely_keep_alive_s()),
    };
    let arm =
        |name: &&ModelName| host.models.get(*name).map_or(ABSENT, |model| arm_traits(view, host, model));
    (traits, names.iter().map(arm).collect())
}

/// A model that the host does not have: no kind of request names it there.
const ABSENT: ArmTraits = ArmTraits { bytes: 0.0, load_s: 0.0 };

fn arm_traits(view: View<'_>, host: &Host, model: &Model) -> ArmTraits {
    let bytes = match model.residency {
        Residency::Resident { bytes, .. } if bytes > 0 => bytes as f64,
        Residency::Resident { .. } | Residency::Cold => host.needed_bytes(model, 0),
    };
    // The first load on a host that sleeps waits for its start.
    let rises_s = host.rises_in_s(view.now).unwrap_or(0.0);
    ArmTraits { bytes, load_s: rises_s + load_s(host, model, view.now) }
}

#[derive(Clone, Copy)]
struct Build<'a> {
    view: View<'a>,
    hosts: &'a [usize],
    names: &'a [&'a ModelName],
}

/// Counts what each arm's answers lack, and leaves out the arms below the floor while one above it is left; those that are decided
/// about stay, as the better ones may have failed.
fn price(
    request: &Request,
    floor: f64,
    arms: &mut Vec<KindArm>,
    qualities: &[f64],
    choices: &[(usize, usize, bool)],
) {
    let works = arms.iter().map(|arm| arm.own_s);
    let price_s = QualityPrice::of(request).in_seconds(works.min_by(f64::total_cmp).unwrap_or(0.0));
    for (arm, quality) in arms.iter_mut().zip(qualities) {
        arm.quality_s = price_s * (1.0 - quality);
    }
    if qualities.iter().any(|quality| *quality >= floor) {
        let mut left = qualities.iter();
        arms.retain(|arm| {
            let is_choice = choices.iter().any(|(host, model, _)| (*host, *model) == (arm.host, arm.model));
            left.next().is_some_and(|quality| *quality >= floor) || is_choice
        });
    }
}

impl Build<'_> {
    /// `choices` are the arms of the request that are decided about.
    fn kind(&self, request: &Request, kind: Option<&Kind>, choices: &[(usize, usize, bool)]) -> PlayedKind {
        let view = self.view;
        let answer = view.lengths.expectation(request);
        let length = answer.length;
        let prompt = f64::from(request.prompt_tokens);
        let (prompt_tokens, prompt_sigma) = kind.map_or((prompt, 0.0), |kind| {
            (kind.prompt.estimate(prompt.max(1.0), 0.5), (kind.prompt.spread(0.25, 1.0)).sqrt())
        });
        let nothing = Exclusions::default();
        let filter =
            Filter { config: view.config, request, tried: &nothing, context_tokens: 0, now: view.now };
        let (mut arms, mut qualities) = (Vec::new(), Vec::new());
        for (position, host) in self.hosts.iter().enumerate() {
            let Some(host) = view.fleet.hosts.get(*host).filter(|host| filter.host(host, 0).is_ok()) else {
                continue;
            };
            let chain_binds = filter.chain_binds(host);
            for (place, name) in self.names.iter().enumerate() {
                let Some(model) = host.models.get(*name) else { continue };
                if filter.model(host, model, chain_binds, None).is_err() {
                    continue;
                }
                let tokens = answer.tokens_by(&model.name, model.wordiness);
                // The next ones of a kind may begin as this one did, or not.
                let kept = if kind.is_none() { model.kept_share(request) } else { 0.0 };
                let prefill_s = prompt_tokens * (1.0 - kept) / model.rates.prefill;
                let decode_s_per_token = answer.factor_of(&model.name, model.wordiness) / model.rates.decode;
                let own_s = prefill_s + tokens / model.rates.decode;
                let kept = keep_alive_s(host, model, view.now, view.config.tuning.keep_alive).map(f64::from);
                arms.push(KindArm {
                    host: position,
                    model: place,
                    prefill_s,
                    decode_s_per_token,
                    keep_alive_s: kept,
                    own_s,
                    quality_s: 0.0,
                });
                qualities.push(model.quality(request.task));
            }
        }
        price(request, filter.floor(), &mut arms, &qualities, choices);
        PlayedKind { arms, length, prompt_sigma, rate: 0.0, announced: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::Task;

    #[test]
    fn arms_below_the_floor_are_left_out_but_not_those_that_are_decided_about() {
        let arm = |host| KindArm {
            host,
            model: 0,
            prefill_s: 0.0,
            decode_s_per_token: 0.1,
            keep_alive_s: None,
            own_s: 1.0,
            quality_s: 0.0,
        };
        let left = |choices: &[(usize, usize, bool)]| {
            let mut arms: Vec<KindArm> = (0..3).map(arm).collect();
            price(&Request::new(Task::General, 10), 0.8, &mut arms, &[0.9, 0.5, 0.5], choices);
            arms.iter().map(|arm| arm.host).collect::<Vec<_>>()
        };
        assert_eq!(left(&[]), [0]);
        assert_eq!(left(&[(2, 0, true)]), [0, 2], "the better one has failed in this job");
    }
}
