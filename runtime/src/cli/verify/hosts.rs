//! Each Ollama server: whether it answers, its version, its models.

use smart_ai_core::wire::{self, Endpoint, Fleet};
use smart_ai_core::{HostId, HostSnapshot, Snapshot};

use super::Check;

/// The first version whose list of loaded models tells their context.
const TELLS_CONTEXT: (u32, u32) = (0, 10);

pub(super) fn checks(fleet: &Fleet, snapshot: &Snapshot) -> Vec<Check> {
    let several = snapshot.hosts.len() > 1;
    let of = |(endpoint, host): (&Endpoint, &HostSnapshot)| {
        let mut checks = host_checks(endpoint, host);
        if several && host.state == "up" {
            checks.push(machine_check(host));
        }
        checks
    };
    fleet.hosts.iter().zip(&snapshot.hosts).flat_map(of).collect()
}

fn host_checks(endpoint: &Endpoint, host: &HostSnapshot) -> Vec<Check> {
    let name = |part: &str| format!("host {} {part}", host.host);
    if host.state != "up" {
        let reason = host.reason.as_deref().unwrap_or_default();
        let said = if reason.is_empty() { String::new() } else { format!(": {reason}") };
        let detail = format!("{} at {}{said}; it gets no job", host.state, endpoint.url);
        let fix = wire::remedy(reason).map_or_else(|| remedy(&host.state, endpoint), str::to_owned);
        return vec![Check::lacking(name("answers"), detail, fix).required()];
    }
    let version = host.version.as_deref().unwrap_or("of unknown version");
    let answers = Check::passed(name("answers"), format!("Ollama {version}")).required();
    let names: Vec<&str> = host.models.iter().map(|model| model.model.as_str()).collect();
    let models = if names.is_empty() {
        let fix = "install one there: `ollama pull llama3.2:3b`";
        Check::lacking(name("models"), "none; it gets no job", fix)
    } else {
        Check::passed(name("models"), names.join(", "))
    };
    let mut checks = vec![answers, models.required()];
    if is_old(version) {
        let detail = "tells no loaded model's context; a reload for a longer prompt comes as a surprise";
        checks.push(Check::lacking(name("version"), detail, "update Ollama there to 0.10 or later"));
    }
    checks
}

/// Which servers are believed to share its machine.
fn machine_check(host: &HostSnapshot) -> Check {
    let others: Vec<&str> = host.shares_machine_with.iter().map(HostId::as_str).collect();
    let detail = if others.is_empty() {
        "its own, as far as is known; give servers on one machine the same `instance`".to_owned()
    } else {
        format!("shared with {}", others.join(", "))
    };
    Check::passed(format!("host {} machine", host.host), detail)
}

/// What to do about a host in this state.
fn remedy(state: &str, endpoint: &Endpoint) -> String {
    let here = ["://127.", "://localhost", "://[::1]"].iter().any(|own| endpoint.url.contains(own));
    match state {
        "unauthorized" => {
            "give its key: `api_key`, `username` and `password`, or `headers` of its [[hosts]] block"
                .to_owned()
        }
        "bad_protocol" | "model_missing" | "bad_request" => {
            "this is not Ollama: check the URL's port and path".to_owned()
        }
        _ if here => "start Ollama (`ollama serve`), or correct its URL".to_owned(),
        _ => "start Ollama there with OLLAMA_HOST=0.0.0.0, so that it listens to other machines; or correct its URL"
            .to_owned(),
    }
}

fn is_old(version: &str) -> bool {
    let mut numbers = version.split('.').map(str::parse::<u32>);
    match (numbers.next(), numbers.next()) {
        // A server built without a version says 0.0.0.
        (Some(Ok(0)), Some(Ok(0))) => false,
        (Some(Ok(major)), Some(Ok(minor))) => (major, minor) < TELLS_CONTEXT,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use smart_ai_core::wire::{FleetConfig, FleetHost};

    use super::*;

    #[test]
    fn versions_compare_by_number() {
        assert!(is_old("0.9.6") && !is_old("0.10.0") && !is_old("0.24.0") && !is_old("1.0.0"));
        assert!(!is_old("0.0.0") && !is_old("of unknown version"));
    }

    #[test]
    fn a_remedy_fits_the_state_and_the_place() {
        let at = |url: &str| {
            let config = FleetConfig { hosts: vec![FleetHost::at(url)], ..FleetConfig::default() };
            config.split().map(|fleet| fleet.hosts.into_iter().next())
        };
        let remedy = |state, url| match at(url) {
            Ok(Some(endpoint)) => remedy(state, &endpoint),
            refused => format!("{refused:?}"),
        };
        assert!(remedy("unreachable", "http://127.0.0.1:11434").contains("ollama serve"));
        assert!(remedy("unreachable", "http://nas:11434").contains("OLLAMA_HOST=0.0.0.0"));
        assert!(remedy("unauthorized", "http://nas:11434").contains("api_key"));
        assert!(remedy("bad_protocol", "http://nas:80").contains("not Ollama"));
    }
}
