//! Hard filters: what an arm must have before its seconds are counted.

use crate::config::Config;
use crate::decision::DropCode;
use crate::event::SignalName;
use crate::failure::{Avoid, Failure, FailureKind};
use crate::fleet::{Contact, Host, Model, Residency};
use crate::names::{HostId, Millis, ModelName};
use crate::request::{Capability, Mode, Request, Task};

/// What this very job has tried already.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Exclusions {
    /// A host (all of it, where no model is named) and how it failed.
    pub(crate) tried: Vec<(HostId, Option<ModelName>, FailureKind)>,
    /// Models of this quality or less gave no valid answer: only better ones may serve.
    pub(crate) above: Option<f64>,
}

/// Whether an arm may serve; else the word for why not. [`detail`] says it with its numbers, where somebody reads it.
pub(crate) type Verdict = Result<(), DropCode>;

/// What every filter looks at.
#[derive(Clone, Copy)]
pub(crate) struct Filter<'a> {
    pub(crate) config: &'a Config,
    pub(crate) request: &'a Request,
    pub(crate) tried: &'a Exclusions,
    /// Tokens of context a load would ask for.
    pub(crate) context_tokens: u32,
    pub(crate) now: Millis,
}

impl Filter<'_> {
    /// Filters of the host as a whole, whatever the model; `underway` calls are on it.
    pub(crate) fn host(&self, host: &Host, underway: u32) -> Verdict {
        if self.request.host.as_ref().is_some_and(|pin| *pin != host.config.id) {
            return Err(DropCode::OtherHostPinned);
        }
        if let Some(kind) = self.tried_host(host) {
            return Err(if kind == FailureKind::Unauthorized {
                DropCode::Unauthorized
            } else if kind == FailureKind::RouteMissing {
                DropCode::LacksRoute
            } else {
                DropCode::AlreadyTried
            });
        }
        if host.lacks_route(self.now, self.request.route.as_deref()) {
            return Err(DropCode::LacksRoute);
        }
        match self.trouble(host, underway) {
            Some(failure) if failure.kind == FailureKind::Unauthorized => Err(DropCode::Unauthorized),
            Some(_) => Err(DropCode::HostDown),
            None if matches!(host.contact, Contact::Never) => Err(DropCode::HostDown),
            None => self.limits(host),
        }
    }

    fn tried_host(&self, host: &Host) -> Option<FailureKind> {
        let whole = |(id, model, _): &&(HostId, Option<ModelName>, FailureKind)| {
            model.is_none() && *id == host.config.id
        };
        self.tried.tried.iter().find(whole).map(|(_, _, kind)| *kind)
    }

    /// A host that sleeps is in no trouble: it is started when it is worth that.
    fn trouble<'h>(&self, host: &'h Host, underway: u32) -> Option<&'h Failure> {
        if host.rises_in_s(self.now).is_some() {
            return None;
        }
        if let Contact::Down(failure) = &host.contact {
            return Some(failure);
        }
        host.breaker.forbids(self.now, underway)
    }

    fn limits(&self, host: &Host) -> Verdict {
        let limits = &self.config.limits;
        if limits.max_cpu_percent.is_none() && limits.min_free_memory_percent.is_none() {
            return Ok(());
        }
        let over = |limit: Option<f64>, value: Option<f64>| matches!((limit, value), (Some(limit), Some(value)) if value > limit);
        let under = |limit: Option<f64>, value: Option<f64>| matches!((limit, value), (Some(limit), Some(value)) if value < limit);
        if over(limits.max_cpu_percent, self.busy_percent(host)) {
            return Err(DropCode::OverCpuLimit);
        }
        if under(limits.min_free_memory_percent, self.free_percent(host)) {
            return Err(DropCode::UnderMemoryLimit);
        }
        Ok(())
    }

    fn fresh(&self, host: &Host, signal: SignalName) -> Option<f64> {
        host.signals.fresh(self.now, self.config.stale_after_ms(), signal)
    }

    fn busy_percent(&self, host: &Host) -> Option<f64> {
        self.fresh(host, SignalName::CpuBusyRatio).map(|busy| busy * 100.0)
    }

    fn free_percent(&self, host: &Host) -> Option<f64> {
        let total = self.fresh(host, SignalName::MemoryTotalBytes).filter(|total| *total > 0.0)?;
        self.fresh(host, SignalName::MemoryAvailableBytes).map(|free| free / total * 100.0)
    }

    /// Whether the configured models bind on this host. One without any of them offers whatever it has; models that no
    /// owner named bind only where one of them can do what is asked.
    pub(crate) fn chain_binds(&self, host: &Host) -> bool {
        let free = self.request.model.is_some()
            || self.request.models.is_some()
            || self.request.task == Task::Embed
            || self.config.models.is_empty();
        let named = !self.config.has_default_models();
        let serves = |model: &Model| named || self.ability(model).is_ok();
        !free && self.config.models.iter().filter_map(|name| host.models.get(name)).any(|model| serves(model))
    }

    /// Filters of one model; `bound` is the bytes models may take on the host, where somebody tells.
    pub(crate) fn model(&self, host: &Host, model: &Model, chain_binds: bool, bound: Option<f64>) -> Verdict {
        let request = self.request;
        if request.model.as_ref().is_some_and(|pin| !pin.is_same(&model.name)) {
            return Err(DropCode::OtherModelPinned);
        }
        if request.models.as_ref().is_some_and(|list| !list.iter().any(|name| name.is_same(&model.name))) {
            return Err(DropCode::NotAccepted);
        }
        if chain_binds && !self.config.models.contains(&model.name) {
            return Err(DropCode::NotConfigured);
        }
        if model.tag.remote && request.model.is_none() {
            return Err(DropCode::Remote);
        }
        // Mostly nothing was tried.
        if !self.tried.tried.is_empty() && self.tried_arm(host, model).is_some() {
            return Err(DropCode::AlreadyTried);
        }
        if self.tried.above.is_some_and(|above| model.quality(request.task) <= above) {
            return Err(DropCode::BelowFloor);
        }
        if model.blocked_by(self.now, self.context_tokens).is_some() {
            return Err(DropCode::FailedLately);
        }
        self.ability(model)?;
        match bound {
            Some(bound) if host.needed_bytes(model, self.context_tokens) > bound => Err(DropCode::DoesNotFit),
            Some(_) | None => Ok(()),
        }
    }

    /// Whether the model can do what is asked, and read all of it.
    fn ability(&self, model: &Model) -> Verdict {
        let request = self.request;
        // What nobody has told yet counts as present for text, absent for everything else.
        let listed = model.capabilities();
        let has = |capability: &Capability| {
            listed.map_or(*capability == Capability::Completion, |listed| listed.contains(capability))
        };
        if !(request.task.capabilities().iter().all(has) && request.needs.iter().all(has)) {
            return Err(DropCode::NotCapable);
        }
        if model.trained_context().is_some_and(|trained| {
            // A text to embed that is too long is cut by the host, as its caller asked.
            request.task != Task::Embed && request.prompt_tokens >= trained
        }) {
            return Err(DropCode::ContextTooSmall);
        }
        Ok(())
    }

    /// The least quality the request's mode takes. Models the caller names are good enough.
    pub(crate) fn floor(&self) -> f64 {
        let request = self.request;
        if request.model.is_some() || request.models.is_some() || request.task == Task::Embed {
            return 0.0;
        }
        let floors = &self.config.quality.floors;
        match request.mode {
            Mode::Fast => floors.fast,
            Mode::Balanced => floors.balanced,
            Mode::Best => floors.best,
        }
    }

    fn tried_arm(&self, host: &Host, model: &Model) -> Option<FailureKind> {
        // Where one model took too much memory, a larger one will not do better, unless it is there already.
        let larger = |name: &ModelName, kind: FailureKind| {
            kind.class().avoid == Avoid::Larger
                && model.residency == Residency::Cold
                && host.models.get(name).is_some_and(|failed| failed.bytes() <= model.bytes())
        };
        let this = |(id, name, kind): &&(HostId, Option<ModelName>, FailureKind)| {
            let same = name.as_ref().is_some_and(|name| *name == model.name || larger(name, *kind));
            same && *id == host.config.id
        };
        self.tried.tried.iter().find(this).map(|(_, _, kind)| *kind)
    }

    /// What a drop's word means here, with the numbers that decided.
    pub(crate) fn detail(&self, code: DropCode, host: &Host, model: Option<&Model>) -> String {
        let words = |text: &str| text.to_owned();
        match code {
            DropCode::OtherHostPinned
            | DropCode::OtherModelPinned
            | DropCode::NotAccepted
            | DropCode::NotConfigured
            | DropCode::LacksRoute
            | DropCode::Remote => words(said(code).unwrap_or_default()),
            DropCode::HostDown | DropCode::Unauthorized => {
                match (self.tried_host(host), self.trouble(host, u32::MAX)) {
                    (Some(kind), _) => format!("it failed in this job: {}", kind.as_str()),
                    (None, Some(failure)) if failure.detail.is_empty() => words(failure.kind.as_str()),
                    (None, Some(failure)) => format!("{}: {}", failure.kind.as_str(), failure.detail),
                    (None, None) => words("it has not answered yet"),
                }
            }
            DropCode::AlreadyTried => {
                let kind = model.map_or(self.tried_host(host), |model| self.tried_arm(host, model));
                format!("it failed in this job: {}", kind.map_or("", FailureKind::as_str))
            }
            DropCode::FailedLately => {
                let blocked = model.and_then(|model| model.blocked_by(self.now, self.context_tokens));
                let broken = || model.and_then(|model| model.breaker.cause()).map(|failure| failure.kind);
                words(blocked.or_else(broken).map_or("", FailureKind::as_str))
            }
            DropCode::NotCapable => {
                let lacks = |capability: &Capability| {
                    !model.is_some_and(|model| {
                        model.has(*capability).unwrap_or(*capability == Capability::Completion)
                    })
                };
                format!("lacks {}", self.request.capabilities().find(lacks).map_or("", Capability::as_str))
            }
            DropCode::BelowFloor => {
                let quality = model.map_or(0.0, |model| model.quality(self.request.task));
                format!(
                    "quality {quality:.2}, floor {:.2}",
                    self.tried.above.unwrap_or(0.0).max(self.floor())
                )
            }
            DropCode::ContextTooSmall => {
                let trained = model.and_then(Model::trained_context).unwrap_or(0);
                format!("needs {} tokens of context, has {trained}", self.request.prompt_tokens)
            }
            DropCode::DoesNotFit => {
                let needed = model.map_or(0.0, |model| host.needed_bytes(model, self.context_tokens));
                let bound = host.memory_bound(self.now, self.config.stale_after_ms());
                format!("needs {:.1} GB, {:.1} GB usable", needed / 1e9, bound / 1e9)
            }
            DropCode::OverCpuLimit => {
                let limit = self.config.limits.max_cpu_percent.unwrap_or(0.0);
                let busy = self.busy_percent(host).unwrap_or(0.0).round_ties_even();
                format!("CPU {busy} % busy, limit {} %", limit.round_ties_even())
            }
            DropCode::UnderMemoryLimit => {
                let limit = self.config.limits.min_free_memory_percent.unwrap_or(0.0);
                let free = self.free_percent(host).unwrap_or(0.0).round_ties_even();
                format!("{free} % of memory free, limit {} %", limit.round_ties_even())
            }
        }
    }
}

/// What a drop's word means, where that is the same everywhere.
pub(crate) fn said(code: DropCode) -> Option<&'static str> {
    Some(match code {
        DropCode::OtherHostPinned => "the request is pinned to another host",
        DropCode::OtherModelPinned => "the request is pinned to another model",
        DropCode::NotAccepted => "not among the models the request accepts",
        DropCode::NotConfigured => "not among the configured models",
        DropCode::Remote => "it runs in the cloud; pin it to use it",
        DropCode::LacksRoute => "the host lacks this route",
        DropCode::HostDown
        | DropCode::Unauthorized
        | DropCode::AlreadyTried
        | DropCode::FailedLately
        | DropCode::NotCapable
        | DropCode::BelowFloor
        | DropCode::ContextTooSmall
        | DropCode::DoesNotFit
        | DropCode::OverCpuLimit
        | DropCode::UnderMemoryLimit => return None,
    })
}
