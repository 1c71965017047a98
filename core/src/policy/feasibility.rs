//! Hard filters: what an arm must have before its seconds are counted.

use crate::config::Config;
use crate::decision::DropCode;
use crate::event::SignalName;
use crate::failure::FailureKind;
use crate::fleet::{Contact, Host, Memory, Model};
use crate::names::{HostId, Millis, ModelName};
use crate::request::{Capability, Request, Task};

/// What this very job has tried already.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Exclusions {
    /// A host (all of it, where no model is named) and how it failed.
    pub(crate) tried: Vec<(HostId, Option<ModelName>, FailureKind)>,
}

/// Whether `model` on `host` may serve; else why not.
pub(crate) type Verdict = Result<(), (DropCode, String)>;

fn drop(code: DropCode, detail: impl Into<String>) -> Verdict {
    Err((code, detail.into()))
}

/// Filters that no model of the host can pass or fail alone.
pub(crate) fn host_verdict(
    host: &Host,
    config: &Config,
    request: &Request,
    tried: &Exclusions,
    now: Millis,
) -> Verdict {
    if request.host.as_ref().is_some_and(|pin| *pin != host.config.id) {
        return drop(DropCode::OtherHostPinned, "the request is pinned to another host");
    }
    if let Some((_, _, kind)) =
        tried.tried.iter().find(|(id, model, _)| *id == host.config.id && model.is_none())
    {
        let refused = *kind == FailureKind::Unauthorized;
        let code = if refused { DropCode::Unauthorized } else { DropCode::AlreadyTried };
        return drop(code, format!("it failed in this job: {}", kind.as_str()));
    }
    if let Contact::Down(failure) = &host.contact {
        return host_down(failure.kind, &failure.detail);
    }
    if let Some(failure) = host.breaker.open(now) {
        return host_down(failure.kind, &failure.detail);
    }
    if matches!(host.contact, Contact::Never) {
        return drop(DropCode::HostDown, "it has not answered yet");
    }
    limits_verdict(host, config, now)
}

fn host_down(kind: FailureKind, detail: &str) -> Verdict {
    let code = if kind == FailureKind::Unauthorized { DropCode::Unauthorized } else { DropCode::HostDown };
    let colon = if detail.is_empty() { "" } else { ": " };
    drop(code, format!("{}{colon}{detail}", kind.as_str()))
}

fn limits_verdict(host: &Host, config: &Config, now: Millis) -> Verdict {
    let fresh = |signal| host.signals.fresh(now, config.stale_after_ms(), signal);
    let percent_busy = fresh(SignalName::CpuBusyRatio).map(|busy| busy * 100.0);
    if let (Some(limit), Some(busy)) = (config.limits.max_cpu_percent, percent_busy)
        && busy > limit
    {
        return drop(DropCode::OverCpuLimit, format!("CPU {busy:.0} % busy, limit {limit:.0} %"));
    }
    let total = fresh(SignalName::MemoryTotalBytes).filter(|total| *total > 0.0);
    let free = fresh(SignalName::MemoryAvailableBytes);
    if let (Some(limit), Some(free), Some(total)) = (config.limits.min_free_memory_percent, free, total) {
        let percent = free / total * 100.0;
        if percent < limit {
            let detail = format!("{percent:.0} % of memory free, limit {limit:.0} %");
            return drop(DropCode::UnderMemoryLimit, detail);
        }
    }
    Ok(())
}

/// Whether the configured models leave this one out. A host without any of them offers whatever it has.
fn configured(host: &Host, model: &Model, config: &Config, request: &Request) -> bool {
    let listed = |name: &ModelName| config.models.contains(name);
    request.model.is_some()
        || request.task == Task::Embed
        || config.models.is_empty()
        || listed(&model.name)
        || !host.models.keys().any(listed)
}

/// Filters of one model.
pub(crate) fn model_verdict(
    host: &Host,
    model: &Model,
    config: &Config,
    request: &Request,
    tried: &Exclusions,
    context_tokens: u32,
    now: Millis,
) -> Verdict {
    if request.model.as_ref().is_some_and(|pin| !same_model(pin, &model.name)) {
        return drop(DropCode::OtherModelPinned, "the request is pinned to another model");
    }
    if !configured(host, model, config, request) {
        return drop(DropCode::NotConfigured, "not among the configured models");
    }
    if model.tag.remote && request.model.is_none() {
        return drop(DropCode::Remote, "it runs in the cloud; pin it to use it");
    }
    let before = tried
        .tried
        .iter()
        .find(|(id, name, _)| *id == host.config.id && name.as_ref().is_some_and(|name| *name == model.name));
    if let Some((_, _, kind)) = before {
        return drop(DropCode::AlreadyTried, format!("it failed in this job: {}", kind.as_str()));
    }
    if let Some(kind) = model.blocked_by(now) {
        return drop(DropCode::FailedLately, kind.as_str());
    }
    capability_verdict(model, request)?;
    let needed = f64::from(request.prompt_tokens);
    if let Some(trained) = model.trained_context().filter(|trained| needed >= f64::from(*trained)) {
        let detail = format!("needs {} tokens of context, has {trained}", request.prompt_tokens);
        return drop(DropCode::ContextTooSmall, detail);
    }
    match Memory::of(host, model, context_tokens, now, config.stale_after_ms()) {
        Some(memory) if !memory.fits() => {
            let detail = format!(
                "needs {:.1} GB, {:.1} GB usable",
                memory.needed_bytes / 1e9,
                memory.usable_bytes / 1e9
            );
            drop(DropCode::DoesNotFit, detail)
        }
        Some(_) | None => Ok(()),
    }
}

fn capability_verdict(model: &Model, request: &Request) -> Verdict {
    for capability in request.capabilities() {
        // What nobody has told yet counts as present for text, absent for everything else.
        let has = model.has(capability).unwrap_or(capability == Capability::Completion);
        if !has {
            return drop(DropCode::NotCapable, format!("lacks {}", capability.as_str()));
        }
    }
    Ok(())
}

/// `phi3` means `phi3:latest`.
pub(crate) fn same_model(pin: &ModelName, name: &ModelName) -> bool {
    pin == name || name.as_str().strip_suffix(":latest").is_some_and(|short| short == pin.as_str())
}
