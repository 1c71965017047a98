//! Why no arm is left, said so that the reader knows what to do.

use crate::decision::{Decision, DropCode, Dropped};
use crate::failure::{DispatchError, DispatchErrorCode};
use crate::request::{Request, Task};
use crate::wire::remedy;

/// The error of a decision without candidates.
pub(crate) fn refusal(request: &Request, decision: &Decision) -> DispatchError {
    let all = |code: DropCode| {
        !decision.dropped.is_empty() && decision.dropped.iter().all(|drop| drop.code == code)
    };
    let any = |code: DropCode| decision.dropped.iter().any(|drop| drop.code == code);
    let up = decision.dropped.iter().any(|drop| drop.model.is_some());
    if let Some(host) = request.host.as_ref().filter(|_| all(DropCode::OtherHostPinned)) {
        return DispatchError::new(
            DispatchErrorCode::UnknownHost,
            format!("no host is called \"{host}\""),
            "name a host of the fleet, or leave the choice to Smart AI",
        );
    }
    let lacking =
        |drop: &Dropped| drop.code == DropCode::LacksRoute || drop.code == DropCode::OtherHostPinned;
    if any(DropCode::LacksRoute) && decision.dropped.iter().all(lacking) {
        let route = request.route.as_deref().unwrap_or("of this call");
        return DispatchError::new(
            DispatchErrorCode::RouteMissing,
            format!("no host has the route {route}"),
            "update Ollama there, or use another API",
        );
    }
    if any(DropCode::AlreadyTried) {
        return DispatchError::new(
            DispatchErrorCode::AllFailed,
            format!("every arm that could serve it failed: {}", listed(decision)),
            "see the attempts for what each host said; `verify` checks the fleet",
        );
    }
    if any(DropCode::Unauthorized) && !up && !any(DropCode::HostDown) {
        return DispatchError::new(
            DispatchErrorCode::Unauthorized,
            format!("every host refused the key: {}", listed(decision)),
            "check the hosts' API keys",
        );
    }
    let limit = any(DropCode::OverCpuLimit) || any(DropCode::UnderMemoryLimit);
    let ready = decision.dropped.iter().all(|drop| {
        drop.code == DropCode::OtherHostPinned
            || drop.code == DropCode::OverCpuLimit
            || drop.code == DropCode::UnderMemoryLimit
    });
    if limit && ready {
        return DispatchError::new(
            DispatchErrorCode::OverLimit,
            format!("every host is beyond the limits: {}", listed(decision)),
            "raise the limits, or wait until the hosts are less busy",
        );
    }
    if any(DropCode::ContextTooSmall) {
        return DispatchError::new(
            DispatchErrorCode::ContextTooSmall,
            format!("about {} prompt tokens fit no model: {}", request.prompt_tokens, listed(decision)),
            "shorten or split it, or install a model with a larger context",
        );
    }
    if let Some(model) = request.model.as_ref().filter(|_| up && !any_other_than_pin(decision)) {
        return DispatchError::new(
            DispatchErrorCode::UnknownModel,
            format!("no host that answers has the model \"{model}\""),
            if request.task == Task::Embed {
                format!(
                    "install it again (`ollama pull {model}`), or name another: vectors of two models do not match"
                )
            } else {
                format!("install it (`ollama pull {model}`), name another, or let Smart AI choose")
            },
        );
    }
    if !up && decision.dropped.iter().any(|drop| drop.code == DropCode::HostDown) {
        return DispatchError::new(
            DispatchErrorCode::NoHost,
            format!("no host answers: {}", listed(decision)),
            decision
                .dropped
                .iter()
                .find_map(|drop| remedy(&drop.detail))
                .unwrap_or("start Ollama there, or check the host's URL"),
        );
    }
    DispatchError::new(
        DispatchErrorCode::NoModel,
        format!("no installed model can serve a {} request: {}", request.task.as_str(), listed(decision)),
        "install a model that can, or change the configured models or limits",
    )
}

fn any_other_than_pin(decision: &Decision) -> bool {
    decision.dropped.iter().any(|drop| drop.model.is_some() && drop.code != DropCode::OtherModelPinned)
}

/// The first few drops that say something, one after another.
fn listed(decision: &Decision) -> String {
    let telling =
        |drop: &&Dropped| drop.code != DropCode::OtherModelPinned && drop.code != DropCode::OtherHostPinned;
    let words: Vec<String> = decision.dropped.iter().filter(telling).take(6).map(word).collect();
    if words.is_empty() { "the fleet has no models".to_owned() } else { words.join("; ") }
}

fn word(drop: &Dropped) -> String {
    match &drop.model {
        Some(model) => format!("{model} on {}: {}", drop.host, drop.detail),
        None => format!("{}: {}", drop.host, drop.detail),
    }
}
