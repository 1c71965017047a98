//! One model on one host: what it is, whether it is loaded, and how fast it has been.

use crate::event::{ModelDetails, ModelTag, ResidentModel};
use crate::failure::FailureKind;
use crate::fleet::{Breaker, Device, OwnSettings, PromptCache, Rates, gpu_share};
use crate::learn::{Demand, LogMean, Reliability, Wordiness};
use crate::lifecycle::Stay;
use crate::names::{Millis, ModelName};
use crate::request::{ByTask, Capability, Request, Task};

/// Bytes a parameter takes in the usual 4-bit quantizations, where no count is stated.
const BYTES_PER_PARAMETER: f64 = 0.6;

/// The difference of a model's share on the GPU beyond which it works at another speed.
const OTHER_SHARE: f64 = 0.02;

/// Whether a model is in memory.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub(crate) enum Residency {
    #[default]
    Cold,
    Resident {
        /// Tokens of context it was loaded with, where the host tells.
        context_tokens: Option<u32>,
        bytes: u64,
    },
}

#[derive(Clone, Debug)]
pub(crate) struct Model {
    pub(crate) name: ModelName,
    pub(crate) tag: ModelTag,
    /// `/api/show`, once it has answered.
    pub(crate) details: Option<ModelDetails>,
    pub(crate) residency: Residency,
    /// The context every call of this arm asks for, once one needed more than the host's own.
    pub(crate) pinned_context: Option<u32>,
    /// The context the host itself loads it with, as learned from a load that asked for none.
    pub(crate) own_context: Option<u32>,
    /// The call that loaded it named no context.
    pub(crate) context_unsaid: bool,
    /// When the last call that did not say how long it stays ended, if no call has said so since.
    pub(crate) keep_alive_unsaid: Option<Millis>,
    pub(crate) decode: LogMean,
    /// Decode rate of the answers during which no other server was at work.
    pub(crate) undisturbed: LogMean,
    /// Decode rate of the calls that nothing else on its host was at work beside.
    pub(crate) lone: LogMean,
    pub(crate) prefill: LogMean,
    pub(crate) reliability: Reliability,
    /// Calls of this arm.
    pub(crate) demand: Demand,
    /// What follows from the rates above and the host's; see `Host::estimate`.
    pub(crate) rates: Rates,
    /// Probability that a call of it fails, as of the last call or look.
    pub(crate) failing: f64,
    /// How good its answers are believed to be, 0 to 1.
    pub(crate) quality: ByTask,
    /// What its runner has read.
    pub(crate) prompts: PromptCache,
    /// How much longer than others it answers.
    pub(crate) wordiness: Wordiness,
    /// The share of it that was on a GPU when it was last seen in memory, 0 to 1.
    pub(crate) gpu_share: Option<f64>,
    /// Bytes it took when it was last seen in memory, and with what context.
    pub(crate) seen_bytes: Option<(u64, Option<u32>)>,
    /// What the last call said of how long it stays.
    pub(crate) keep_alive_s: Option<u32>,
    /// The host keeps it for ever.
    pub(crate) pinned: bool,
    /// When it was last seen in memory.
    pub(crate) last_resident: Option<Millis>,
    /// Not called before this time with this much context or more, and why.
    pub(crate) blocked: Option<(Millis, u32, FailureKind)>,
    pub(crate) breaker: Breaker,
    /// Its uses, and how long it has been in memory.
    pub(crate) stay: Stay,
}

impl Model {
    pub(crate) fn new(tag: ModelTag) -> Self {
        Self {
            name: tag.name.as_str().into(),
            tag,
            details: None,
            residency: Residency::Cold,
            pinned_context: None,
            own_context: None,
            context_unsaid: false,
            keep_alive_unsaid: None,
            decode: LogMean::default(),
            undisturbed: LogMean::default(),
            lone: LogMean::default(),
            prefill: LogMean::default(),
            reliability: Reliability::default(),
            demand: Demand::default(),
            rates: Rates::default(),
            failing: Reliability::default().failure_probability(Millis(0)),
            quality: ByTask::default(),
            prompts: PromptCache::default(),
            wordiness: Wordiness::new(1.0),
            gpu_share: None,
            seen_bytes: None,
            keep_alive_s: None,
            pinned: false,
            last_resident: None,
            blocked: None,
            breaker: Breaker::default(),
            stay: Stay::default(),
        }
    }

    /// A new look at `/api/tags`: another digest is another model under the same name.
    pub(crate) fn update(&mut self, tag: ModelTag) {
        if tag.digest == self.tag.digest {
            self.tag = tag;
        } else {
            *self = Self::new(tag);
        }
    }

    /// A call shows that it is in memory, and with what context where that is known.
    pub(crate) fn hold(&mut self, now: Millis, context: Option<u32>) {
        self.last_resident = Some(now);
        self.stay.hold(now);
        match &mut self.residency {
            Residency::Cold => {
                let bytes = self.tag.size_bytes;
                self.residency = Residency::Resident { context_tokens: context, bytes };
            }
            Residency::Resident { context_tokens, .. } => *context_tokens = context.or(*context_tokens),
        }
    }

    /// A prompt did not fit the context that a call without a word on it was given.
    pub(crate) fn own_context_is_at_most(&mut self, tokens: u32) {
        self.own_context = Some(self.own_context.map_or(tokens, |own| own.min(tokens)));
        if let Residency::Resident { context_tokens: context @ None, .. } = &mut self.residency {
            *context = Some(tokens);
        }
    }

    /// The context that the host itself loads it with, where that is known: the Modelfile's, or what was learned.
    pub(crate) fn own_context(&self) -> Option<u32> {
        self.details.as_ref().and_then(|details| details.num_ctx).or(self.own_context)
    }

    /// Whether this runner of `/api/ps` is the model's: by its name, or by that of another tag with the same digest.
    pub(crate) fn is_run_by(&self, seen: &ResidentModel) -> bool {
        seen.name == self.tag.name || (!self.tag.digest.is_empty() && seen.digest == self.tag.digest)
    }

    /// Takes in what `/api/ps` lists; tells what that shows of the host's own settings.
    pub(crate) fn settle_residency(
        &mut self,
        now: Millis,
        resident: &[ResidentModel],
        device: Device,
    ) -> OwnSettings {
        let seen = resident.iter().find(|seen| self.is_run_by(seen));
        self.stay.look(now, seen);
        self.pinned = seen.is_some_and(|seen| seen.pinned);
        self.residency = seen.map_or(Residency::Cold, |seen| Residency::Resident {
            context_tokens: seen.context_tokens,
            bytes: seen.size_bytes,
        });
        if let Some(share) = seen.and_then(gpu_share) {
            self.lie_on_gpu(share, device);
        }
        if self.residency == Residency::Cold {
            self.prompts.clear();
            (self.context_unsaid, self.keep_alive_unsaid) = (false, None);
        }
        if let Residency::Resident { bytes, context_tokens, .. } = self.residency {
            self.last_resident = Some(now);
            self.seen_bytes = Some((bytes, context_tokens)).filter(|(bytes, _)| *bytes > 0);
        }
        self.own_settings(now, seen)
    }

    /// This share of it is on the GPU now: speeds that were learned with another share are converted.
    fn lie_on_gpu(&mut self, share: f64, device: Device) {
        let speed = |share: f64| device.offloaded(Some(share));
        if let Some(before) = self.gpu_share.replace(share)
            && (before - share).abs() > OTHER_SHARE
        {
            let by_ln = libm::log(speed(share) / speed(before));
            for rate in [&mut self.decode, &mut self.undisturbed, &mut self.lone, &mut self.prefill] {
                rate.shift(by_ln);
            }
        }
    }

    /// What a look tells of the host's own settings: only where the last call left them to the host.
    fn own_settings(&mut self, now: Millis, seen: Option<&ResidentModel>) -> OwnSettings {
        let Some(seen) = seen else { return OwnSettings::default() };
        let mut own = OwnSettings::default();
        if let Some(context) = seen.context_tokens.filter(|_| self.context_unsaid) {
            self.own_context = Some(context);
            let details = self.details.as_ref();
            let of_model = details.is_some_and(|details| details.num_ctx.is_some())
                || self.trained_context().is_none_or(|trained| context >= trained);
            own.context = Some(context).filter(|_| !of_model);
        }
        if let (Some(ended), Some(left_s)) = (self.keep_alive_unsaid.take(), seen.expires_in_s)
            && !seen.pinned
            && left_s >= 0.0
        {
            let idle_s = now.since(ended) as f64 / 1e3;
            own.keep_alive_s = Some(libm::ceil((left_s + idle_s - 1.0).max(0.0) / 60.0) as u32 * 60);
        }
        own
    }

    /// The share of a request's prompt that its runner need not read, 0 to 1.
    pub(crate) fn kept_share(&self, request: &Request) -> f64 {
        if request.prefix.is_empty() || self.residency == Residency::Cold {
            0.0
        } else {
            self.prompts.kept(self.prompts.share(&request.prefix))
        }
    }

    /// Seconds it stays idle; `default_s` where no call said so.
    pub(crate) fn kept_s(&self, default_s: u32) -> u32 {
        if self.pinned { u32::MAX } else { self.keep_alive_s.unwrap_or(default_s) }
    }

    /// Parameters, stated or guessed from the file's size.
    pub(crate) fn parameters(&self) -> f64 {
        let stated = self.details.as_ref().and_then(|details| details.parameters).or(self.tag.parameters);
        stated.filter(|count| count.is_finite() && *count > 0.0).unwrap_or(self.bytes() / BYTES_PER_PARAMETER)
    }

    /// Bytes on disk; one gigabyte where the host does not say.
    pub(crate) fn bytes(&self) -> f64 {
        if self.tag.size_bytes == 0 { 1e9 } else { self.tag.size_bytes as f64 }
    }

    /// Tokens of context it was trained for, where known.
    pub(crate) fn trained_context(&self) -> Option<u32> {
        self.details.as_ref().and_then(|details| details.context_tokens)
    }

    /// How good its answers to this kind of work are believed to be, 0 to 1.
    pub(crate) fn quality(&self, task: Task) -> f64 {
        self.quality.get(task as usize).copied().unwrap_or(0.0)
    }

    /// What it can do; `None` while nobody knows.
    pub(crate) fn capabilities(&self) -> Option<&[Capability]> {
        let listed = self.details.as_ref().map(|details| details.capabilities.as_slice());
        listed.or(self.tag.capabilities.as_deref())
    }

    /// Whether it has the capability; `None` while nobody knows.
    pub(crate) fn has(&self, capability: Capability) -> Option<bool> {
        self.capabilities().map(|listed| listed.contains(&capability))
    }

    pub(crate) fn blocked_by(&self, now: Millis, context_tokens: u32) -> Option<FailureKind> {
        let holds = |(until, least, _): &(Millis, u32, FailureKind)| now < *until && context_tokens >= *least;
        self.blocked.filter(holds).map(|(_, _, kind)| kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_that_comes_to_lie_beside_the_gpu_is_slower_by_every_rate_that_was_learned() {
        let mut model = Model::new(ModelTag::default());
        for rate in [&mut model.decode, &mut model.undisturbed, &mut model.lone, &mut model.prefill] {
            rate.observe(Millis(1), 100.0);
        }
        model.lie_on_gpu(1.0, Device::Gpu);
        model.lie_on_gpu(0.0, Device::Gpu);
        for rate in [model.decode, model.undisturbed, model.lone, model.prefill] {
            assert!((rate.estimate(1.0, 0.0) - 10.0).abs() < 1e-6, "{rate:?}");
        }
    }
}
