//! By what means a host is started and stopped: a container, two commands, Sablier, or a packet that wakes a machine.

use serde::Deserialize;

use crate::range::ConfigError;

/// The keys of a host's `start` that only the driver needs. Exactly one of `container`, `command`, `sablier` and `wake` names the means.
#[derive(Clone, PartialEq, Debug, Default, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(export_to = "core.d.ts", optional_fields))]
#[serde(deny_unknown_fields)]
pub struct HostStarter {
    /// The name of the host's Docker or Podman container. It must have the label `smart-ai.manage=true`; to be stopped, also
    /// `smart-ai.exclusive=true`.
    #[serde(default)]
    pub container: Option<String>,
    /// Where the engine of the container listens: `unix:///run/podman/podman.sock`, `tcp://127.0.0.1:2375`. Absent: `DOCKER_HOST`, or
    /// else Docker's own socket.
    #[serde(default)]
    pub engine: Option<String>,
    /// The program that starts the host, and its arguments. It is run without a shell.
    #[serde(default)]
    pub command: Option<Vec<String>>,
    /// The program that stops the host, and its arguments. Without it, a host with `command` or `wake` is never stopped.
    #[serde(default)]
    pub stop_command: Option<Vec<String>>,
    /// The URL of a Sablier server: it starts the host, and stops it when its session is over. A session is renewed while a
    /// request is in flight, and when a model is prepared there.
    #[serde(default)]
    pub sablier: Option<String>,
    /// The group of Sablier that the host is in.
    #[serde(default)]
    pub group: Option<String>,
    /// The hardware address of a sleeping machine, `00:11:22:33:44:55`, to which a Wake-on-LAN packet is sent.
    #[serde(default)]
    pub wake: Option<String>,
    /// Where that packet is sent. Absent: `255.255.255.255:9`.
    #[serde(default)]
    pub broadcast: Option<String>,
}

impl HostStarter {
    pub(super) const KEYS: [&str; 8] =
        ["container", "engine", "command", "stop_command", "sablier", "group", "wake", "broadcast"];

    /// Checks the keys against each other. `place`: the key of the table, for refusals.
    pub(super) fn validate(&self, place: &str) -> Result<(), ConfigError> {
        let refuse = |key: &str, why: &str| Err(ConfigError::new(format!("{place}.{key}"), why));
        let means = [
            ("container", self.container.is_some()),
            ("command", self.command.is_some()),
            ("sablier", self.sablier.is_some()),
            ("wake", self.wake.is_some()),
        ];
        let named: Vec<&str> = means.iter().filter(|(_, named)| *named).map(|(key, _)| *key).collect();
        let [means] = named.as_slice() else {
            let why = "name one of container, command, sablier and wake";
            return Err(ConfigError::new(place, why));
        };
        let only = [
            ("engine", self.engine.is_some(), &["container"][..]),
            ("stop_command", self.stop_command.is_some(), &["command", "wake"]),
            ("group", self.group.is_some(), &["sablier"]),
            ("broadcast", self.broadcast.is_some(), &["wake"]),
        ];
        for (key, given, with) in only {
            if given && !with.contains(means) {
                return refuse(key, &format!("can be set beside {} only", with.join(" or ")));
            }
        }
        for (key, list) in [("command", &self.command), ("stop_command", &self.stop_command)] {
            if list.as_ref().is_some_and(|list| list.first().is_none_or(String::is_empty)) {
                return refuse(key, "begin with the program, then its arguments");
            }
        }
        if self.container.as_ref().is_some_and(|name| !is_container_name(name)) {
            return refuse(
                "container",
                "is not a container's name: it may have letters, digits and _ . - only",
            );
        }
        if *means == "sablier" && self.group.is_none() {
            return refuse("group", "is missing, though sablier is set; name the Sablier group of this host");
        }
        if self.wake.as_ref().is_some_and(|address| !is_hardware_address(address)) {
            return refuse("wake", "give six pairs of hexadecimal digits, such as 00:11:22:33:44:55");
        }
        Ok(())
    }
}

/// A name goes into a path of the engine's API as it is.
fn is_container_name(name: &str) -> bool {
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '.' | '-');
    name.starts_with(|letter: char| letter.is_ascii_alphanumeric()) && name.chars().all(allowed)
}

fn is_hardware_address(address: &str) -> bool {
    let pairs: Vec<&str> = address.split([':', '-']).collect();
    let is_pair = |pair: &&str| pair.len() == 2 && pair.chars().all(|digit| digit.is_ascii_hexdigit());
    pairs.len() == 6 && pairs.iter().all(is_pair)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use crate::wire::FleetConfig;

    fn field(start: &str) -> String {
        let json = format!(r#"{{"hosts":[{{"url":"http://a","start":{start}}}]}}"#);
        let split = FleetConfig::from_json(&json).and_then(|fleet| fleet.split());
        split.err().map(|refusal| refusal.field).unwrap_or_default()
    }

    #[test]
    fn what_goes_together_is_taken_and_the_rest_is_refused_by_its_key() {
        for (start, refused) in [
            (r#"{"container":"ollama","engine":"tcp://127.0.0.1:2375","start_s":20,"exclusive":true}"#, ""),
            (
                r#"{"command":["systemctl","start","ollama"],"stop_command":["systemctl","stop","ollama"]}"#,
                "",
            ),
            (r#"{"sablier":"http://sablier:10000","group":"ollama"}"#, ""),
            (r#"{"wake":"00:11:22:33:44:ff"}"#, ""),
            (r#"{"start_s":20}"#, "hosts[0].start"),
            (r#"{"container":"a","wake":"00:11:22:33:44:55"}"#, "hosts[0].start"),
            (r#"{"container":"a/../b"}"#, "hosts[0].start.container"),
            (r#"{"container":"a","stop_command":["x"]}"#, "hosts[0].start.stop_command"),
            (r#"{"command":[]}"#, "hosts[0].start.command"),
            (r#"{"sablier":"http://s"}"#, "hosts[0].start.group"),
            (r#"{"wake":"00:11:22"}"#, "hosts[0].start.wake"),
            (r#"{"container":"a","start_s":0}"#, "hosts[0].start.start_s"),
            (r#"{"container":"a","exclusiv":true}"#, "hosts[0].start.exclusiv"),
        ] {
            assert_eq!(field(start), refused, "{start}");
        }
    }

    #[test]
    fn core_is_told_times_and_no_means() {
        let json = r#"{"hosts":[{"id":"nas","url":"http://a","start":{"container":"ollama","start_s":20}}]}"#;
        let fleet = FleetConfig::from_json(json).unwrap().split().unwrap();
        let host = fleet.config.hosts.first().unwrap();
        assert!(host.start.as_ref().is_some_and(|start| (start.start_s - 20.0).abs() < 1e-9));
        assert!(!serde_json::to_string(&fleet.config).unwrap().contains("container"));
        let starter = fleet.starters.get(&host.id).unwrap();
        assert_eq!(starter.container.as_deref(), Some("ollama"));
    }
}
