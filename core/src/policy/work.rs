//! Own work: reading the prompt and writing the answer, at learned or prior rates.

use crate::event::Usage;
use crate::fleet::{Device, Host, Model, Rates};
use crate::learn::{Beside, Sharing, slower_beside};
use crate::names::{Millis, ModelName};
use crate::number::Between as _;
use crate::request::{Request, Task};

/// Bytes of weights a second a modest CPU reads while decoding; decoding is bound by memory bandwidth.
const DECODE_BYTES_PER_S: f64 = 20e9;
/// Parameters times tokens a second a modest CPU computes while reading a prompt.
const PREFILL_PARAMETER_TOKENS_PER_S: f64 = 100e9;
/// How many observations of its own arm the estimate from the host's other models is worth.
const HOST_WEIGHT: f64 = 0.5;
/// How many observations of a host the prior is worth.
const PRIOR_WEIGHT: f64 = 0.5;
/// The shortest prompt, in tokens, from which a prefill speed is learned.
const TELLING_PROMPT_TOKENS: u32 = 32;
/// How much of a prompt runners really keep is learned only from prompts of which they should hold more than this share.
const TELLING_SHARE: f64 = 0.25;
/// No rate is believed beyond this many tokens a second.
const FASTEST_TOKENS_PER_S: f64 = 1e6;

/// The smallest context Ollama gives a model by itself.
pub(crate) const DEFAULT_CONTEXT_TOKENS: u32 = 4_096;

impl Rates {
    /// How many times faster than the prior a host is (S): what is usual for its class, then its own history.
    pub(crate) fn speed(host: &Host) -> Self {
        let (typical, factor) = (host.typical, host.device.factor());
        Self {
            decode: host.decode_speed.estimate(typical.decode * factor, PRIOR_WEIGHT),
            prefill: host.prefill_speed.estimate(typical.prefill * factor, PRIOR_WEIGHT),
        }
    }

    /// decode = S × bandwidth ÷ bytes, prefill = S × compute ÷ parameters, less where part of the model is beside the GPU; then
    /// the arm's own history.
    pub(crate) fn of(speed: Self, device: Device, model: &Model) -> Self {
        let prior = prior_rates(device, model);
        let (decode, prefill) = (prior.decode * speed.decode, prior.prefill * speed.prefill);
        Self {
            decode: model.decode.estimate(decode, HOST_WEIGHT).between(0.01, FASTEST_TOKENS_PER_S),
            prefill: model.prefill.estimate(prefill, HOST_WEIGHT).between(0.01, FASTEST_TOKENS_PER_S),
        }
    }
}

fn prior_rates(device: Device, model: &Model) -> Rates {
    let factor = device.offloaded(model.gpu_share);
    Rates {
        decode: factor * DECODE_BYTES_PER_S / model.bytes(),
        prefill: factor * PREFILL_PARAMETER_TOKENS_PER_S / model.parameters().max(1e6),
    }
}

/// What a call that has ended tells of its arm's speed.
#[derive(Clone, Copy)]
pub(crate) struct Measured<'a> {
    pub(crate) usage: &'a Usage,
    pub(crate) shares: Shares,
    /// The share of the prompt that the runner had read before.
    pub(crate) known_share: f64,
    /// What each other server did while the answer was written.
    pub(crate) beside: &'a [Beside],
}

/// What a call had of its host while it read and while it wrote: others were at work beside it.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Shares {
    pub(crate) reading: Share,
    pub(crate) writing: Share,
}

/// Which part of its host and of its runner a call had, given how calls are believed to slow one another. 1: nothing slowed it.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Share {
    /// Of its host: what other models and the calls in other slots left to it, 0 to 1.
    pub(crate) host: f64,
    /// Of its runner: what the calls in other slots left to it, 0 to 1.
    pub(crate) runner: f64,
}

impl Share {
    fn bounded(self) -> Self {
        let host = self.host.between(0.02, 1.0);
        Self { host, runner: self.runner.between(host, 1.0) }
    }

    /// Whether nothing else was at work beside it for long.
    fn is_all(self) -> bool {
        self.host > ALONE
    }

    /// Whether it tells how fast its model is alone: the call was alone, or how much calls slow one another here is known by now.
    fn tells_rate(self, sharing: Sharing, batching: Sharing) -> bool {
        (self.runner > ALONE || batching.is_known())
            && (self.host > ALONE * self.runner || sharing.is_known())
    }
}

/// The share of its host, or of its runner, above which a call counts as alone there.
const ALONE: f64 = 0.9;
/// The share of an answer's time below which another server's work counts as no disturbance.
const UNDISTURBED: f64 = 0.15;
/// Calls after which a rate is known well enough to show a change of the host, or what slowed a call.
const KNOWN_WEIGHT: f64 = 3.0;

/// Takes a finished call's counters into the arm's and the host's rates, as if it had had the host to itself.
pub(crate) fn learn_rates(
    now: Millis,
    host: &mut Host,
    model_name: &ModelName,
    measured: Measured<'_>,
    detect_change: bool,
) {
    let Measured { usage, shares, known_share, beside } = measured;
    let Some(model) = host.models.get_mut(model_name) else { return };
    let (prior, expected) = (prior_rates(host.device, model), model.rates);
    if usage.output_tokens > 1 && usage.output_ms > 0.0 {
        let (seen, share) =
            (f64::from(usage.output_tokens) / (usage.output_ms / 1e3), shares.writing.bounded());
        let measured_before = model.decode.weight >= 1.0;
        // Less the share that servers took which may be on the same machine.
        let alone = seen / share.host;
        // Only calls that nothing slowed tell what slowed another one: the rest were judged by what was believed of that.
        let lone = (model.lone.weight >= 1.0).then(|| model.lone.estimate(alone, 0.0));
        match lone {
            Some(lone) if share.runner <= ALONE => {
                host.batching.observe(lone / seen * share.host / share.runner, share.runner);
            }
            Some(lone) => host.sharing.observe(lone / seen * share.runner, share.host / share.runner),
            None => {}
        }
        if !measured_before || share.tells_rate(host.sharing, host.batching) {
            if beside.iter().all(|other| other.share < UNDISTURBED) {
                model.undisturbed.observe(now, alone);
            } else if model.undisturbed.weight >= 1.0 {
                host.slowing.observe(model.undisturbed.estimate(alone, 0.0) / alone, beside);
            }
            let rate = alone * slower_beside(beside);
            if share.is_all() {
                model.lone.observe(now, rate);
            }
            model.decode.observe(now, rate);
            host.decode_speed.observe(now, rate / prior.decode);
            // A first measurement that differs from the prior says nothing about the host; one that differs from earlier ones does.
            let surprise =
                if measured_before { surprise(rate * share.host, rate, expected.decode) } else { 0.0 };
            let known = host.decode_speed.weight >= KNOWN_WEIGHT;
            if let Some(by_ln) = host.change.observe(surprise).filter(|_| known && detect_change) {
                shift(host, by_ln);
            }
        }
    }
    let Some(model) = host.models.get_mut(model_name) else { return };
    let share = shares.reading.bounded();
    let prompt_tokens = f64::from(usage.prompt_tokens);
    let reading_s = usage.prompt_ms / 1e3 * share.host;
    let tells_rate = model.prefill.weight < 1.0 || share.tells_rate(host.sharing, host.batching);
    // Ollama counts what its runner had kept as if it had been read now.
    if known_share > TELLING_SHARE {
        let kept_tokens = prompt_tokens - reading_s * expected.prefill;
        model.prompts.observe((kept_tokens / (known_share * prompt_tokens).max(1.0)).between(0.0, 1.0));
    } else if tells_rate && usage.prompt_tokens >= TELLING_PROMPT_TOKENS && reading_s > 0.0 {
        let rate = prompt_tokens * (1.0 - model.prompts.kept(known_share)) / reading_s;
        model.prefill.observe(now, rate);
        host.prefill_speed.observe(now, rate / prior.prefill);
    }
    host.estimate();
}

/// How far a call's rate lies from the `expected` one, as a natural logarithm. The rate is `least` where nothing slowed the call, and
/// `most` where all did that seemed to be at work beside it; some of that may have waited for a load. What lies between is no surprise.
fn surprise(least: f64, most: f64, expected: f64) -> f64 {
    libm::log(expected.between(least, most) / expected)
}

/// The host has become faster or slower as a whole.
fn shift(host: &mut Host, by_ln: f64) {
    host.decode_speed.shift(by_ln);
    host.prefill_speed.shift(by_ln);
    for model in host.models.iter_mut().map(|(_, model)| model) {
        model.decode.shift(by_ln);
        model.undisturbed.shift(by_ln);
        model.lone.shift(by_ln);
        model.prefill.shift(by_ln);
    }
}

/// Tokens of context an answer needs: what is expected, and no more than the caller's cap. The cap itself is no need: callers
/// name thousands and take fifty. A batch to embed has no answer.
pub(crate) fn answer_context(request: &Request, output_tokens: f64) -> f64 {
    if request.task == Task::Embed {
        return 0.0;
    }
    request.max_tokens.map_or(output_tokens, |most| output_tokens.min(f64::from(most)))
}

/// Tokens of context a request needs, as a step of the ladder 4k, 8k, 16k …
pub(crate) fn tokens_of_context(prompt_tokens: u32, output_tokens: f64) -> u32 {
    let needed = f64::from(prompt_tokens) + output_tokens.max(0.0);
    let mut step = DEFAULT_CONTEXT_TOKENS;
    while f64::from(step) < needed && step < 1 << 24 {
        step *= 2;
    }
    step
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::HostConfig;
    use crate::event::ModelTag;

    fn both(host: f64, runner: f64) -> Shares {
        let share = Share { host, runner };
        Shares { reading: share, writing: share }
    }

    fn alone(usage: &Usage) -> Measured<'_> {
        Measured { usage, shares: both(1.0, 1.0), known_share: 0.0, beside: &[] }
    }

    fn host() -> Host {
        let mut host = Host::new(HostConfig::new("pc"));
        for (name, bytes) in [("small", 2_000_000_000), ("large", 5_000_000_000_u64)] {
            let tag = ModelTag { name: name.into(), size_bytes: bytes, ..ModelTag::default() };
            host.models.insert(name.into(), Box::new(Model::new(tag)));
        }
        host.estimate();
        host
    }

    fn decode(host: &Host, name: &str) -> f64 {
        host.models.get(&name.into()).map_or(0.0, |model| model.rates.decode)
    }

    fn usage(output_ms: f64) -> Usage {
        Usage { prompt_tokens: 500, output_tokens: 100, prompt_ms: 100.0, output_ms, ..Usage::default() }
    }

    #[test]
    fn one_model_teaches_the_others_on_its_host() {
        let mut host = host();
        let before = decode(&host, "large");
        for _ in 0..10 {
            learn_rates(Millis(1), &mut host, &"small".into(), alone(&usage(500.0)), true);
        }
        let small = decode(&host, "small");
        let large = decode(&host, "large");
        assert!((small / 200.0 - 1.0).abs() < 0.05, "{small}");
        assert!((large / (before * 20.0) - 1.0).abs() < 0.3, "{before} {large}");
    }

    #[test]
    fn a_call_that_shared_its_host_tells_the_speed_it_would_have_alone() {
        let (mut by_itself, mut shared) = (host(), host());
        for host in [&mut by_itself, &mut shared] {
            learn_rates(Millis(1), host, &"small".into(), alone(&usage(500.0)), true);
        }
        for _ in 0..10 {
            learn_rates(Millis(1), &mut by_itself, &"small".into(), alone(&usage(500.0)), true);
            let usage = usage(1_000.0);
            let measured = Measured { shares: both(0.5, 1.0), ..alone(&usage) };
            learn_rates(Millis(1), &mut shared, &"small".into(), measured, true);
        }
        assert!(shared.sharing.is_known(), "{:?}", shared.sharing);
        assert!((decode(&by_itself, "small") / decode(&shared, "small") - 1.0).abs() < 0.2);
    }

    #[test]
    fn models_that_run_at_once_and_do_not_slow_one_another_are_found_out_and_seem_no_faster() {
        let mut host = host();
        // Another server works all the time, on a machine of its own.
        let busy = [Beside { share: 1.0, ..Beside::default() }];
        let mut call = |name: &str, ms: f64, shared: bool| {
            let share = if shared { 1.0 / (1.0 + host.sharing.taken()) } else { 1.0 };
            let usage = usage(ms);
            let measured = Measured { shares: both(share, 1.0), beside: &busy, ..alone(&usage) };
            learn_rates(Millis(1), &mut host, &name.into(), measured, true);
        };
        // Each is heard alone once; from then on both always run at the same time, as quick as alone.
        call("large", 1_000.0, false);
        call("small", 500.0, false);
        for _ in 0..20 {
            call("large", 1_000.0, true);
            call("small", 500.0, true);
        }
        assert!(host.sharing.taken() < 0.2, "{:?}", host.sharing);
        for (name, truth) in [("small", 200.0), ("large", 100.0)] {
            let rates = host.models.get(&name.into()).map(|model| model.rates);
            let is_right = |rates: Rates| {
                (rates.decode / truth - 1.0).abs() < 0.2 && (rates.prefill / 5_000.0 - 1.0).abs() < 0.2
            };
            assert!(rates.is_some_and(is_right), "{name}: {rates:?}");
        }
    }

    #[test]
    fn calls_in_slots_that_take_nothing_do_not_make_a_host_seem_faster() {
        let mut host = host();
        for _ in 0..30 {
            learn_rates(Millis(1), &mut host, &"small".into(), alone(&usage(500.0)), true);
        }
        let before = decode(&host, "small");
        // One of eight slots each, as quick as alone, where slots were thought to share all of it.
        for _ in 0..3 {
            let eighth = both(1.0 / 8.0, 1.0 / 8.0);
            let usage = usage(500.0);
            let measured = Measured { shares: eighth, ..alone(&usage) };
            learn_rates(Millis(2), &mut host, &"small".into(), measured, true);
        }
        let after = decode(&host, "small");
        assert!((after / before - 1.0).abs() < 0.01, "{before} {after}");
        assert!(host.batching.taken() < 0.5, "{:?}", host.batching);
    }

    #[test]
    fn a_call_that_was_quick_though_others_seemed_to_be_at_work_tells_of_no_change() {
        let mut host = host();
        for _ in 0..10 {
            learn_rates(Millis(1), &mut host, &"small".into(), alone(&usage(500.0)), true);
            let shared = usage(1_000.0);
            let measured = Measured { shares: both(0.5, 1.0), ..alone(&shared) };
            learn_rates(Millis(1), &mut host, &"small".into(), measured, true);
        }
        let before = decode(&host, "small");
        assert!(host.sharing.is_known(), "{:?}", host.sharing);
        // What seemed to be at work waited for its load.
        for _ in 0..3 {
            let quick = usage(500.0);
            let measured = Measured { shares: both(0.4, 1.0), ..alone(&quick) };
            learn_rates(Millis(2), &mut host, &"small".into(), measured, true);
        }
        let after = decode(&host, "small");
        assert!(after / before < 1.25, "{before} {after}");
    }

    #[test]
    fn what_was_kept_teaches_what_is_kept_and_not_how_fast_it_is_read() {
        let mut host = host();
        let rate = |host: &Host| host.models.get(&"small".into()).map_or(0.0, |model| model.rates.prefill);
        let kept =
            |host: &Host| host.models.get(&"small".into()).map_or(0.0, |model| model.prompts.kept(1.0));
        for _ in 0..20 {
            learn_rates(Millis(1), &mut host, &"small".into(), alone(&usage(500.0)), true);
        }
        let (before, believed) = (rate(&host), kept(&host));
        let all_read = usage(500.0);
        for _ in 0..20 {
            let measured = Measured { known_share: 0.9, ..alone(&all_read) };
            learn_rates(Millis(1), &mut host, &"small".into(), measured, true);
        }
        assert!((rate(&host) / before - 1.0).abs() < 1e-9);
        assert!(kept(&host) < 0.1 && believed > 0.8, "{} {believed}", kept(&host));
    }

    #[test]
    fn a_host_that_slows_down_is_believed_slow_after_a_few_calls() {
        let mut host = host();
        for _ in 0..30 {
            learn_rates(Millis(1), &mut host, &"small".into(), alone(&usage(500.0)), true);
        }
        for _ in 0..3 {
            learn_rates(Millis(2), &mut host, &"small".into(), alone(&usage(1_500.0)), true);
        }
        assert!(decode(&host, "small") < 95.0, "{}", decode(&host, "small"));
        assert!(decode(&host, "large") < 45.0, "{}", decode(&host, "large"));
    }

    #[test]
    fn the_context_ladder_doubles() {
        assert_eq!(tokens_of_context(100, 50.0), 4_096);
        assert_eq!(tokens_of_context(4_000, 200.0), 8_192);
        assert_eq!(tokens_of_context(60_000, 0.0), 65_536);
    }
}
