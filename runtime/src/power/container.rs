//! A container of Docker or Podman, by the Engine API. Only containers whose owner allows it by a label are touched.

use std::collections::HashMap;
use std::time::Duration;

use async_trait::async_trait;
use bollard::Docker;
use bollard::errors::Error;
use bollard::models::{ContainerInspectResponse, ContainerState, HealthStatusEnum};
use bollard::query_parameters::{
    InspectContainerOptions, StartContainerOptions, StopContainerOptionsBuilder,
};
use smart_ai_core::{Failure, FailureKind};

use super::{Power, failed, refused};

/// What its owner writes at a container that may be started.
const MANAGE: &str = "smart-ai.manage";
/// The label of a container that nobody but Smart AI uses, so that it may be stopped, too.
const EXCLUSIVE: &str = "smart-ai.exclusive";
/// Between two looks at a container that is not healthy yet.
const AGAIN: Duration = Duration::from_millis(200);
/// Looks in a row at which a container without a health check must run to count as started: a wrong flag ends it within moments.
const LOOKS: u32 = 10;
/// Seconds that a container has from SIGTERM to SIGKILL. Nothing is in flight then.
const GRACE_S: i32 = 30;

/// One container.
#[derive(Debug)]
pub(super) struct Container {
    name: String,
    /// Where its engine listens, unless at the usual place.
    engine: Option<String>,
}

impl Container {
    pub(super) fn new(name: &str, engine: Option<&str>) -> Self {
        Self { name: name.to_owned(), engine: engine.map(str::to_owned) }
    }

    async fn engine(&self) -> Result<Docker, Failure> {
        let engine = match &self.engine {
            Some(address) => Docker::connect_with_host(address),
            None => Docker::connect_with_defaults(),
        };
        engine
            .map_err(|error| self.failure(&error))?
            .negotiate_version()
            .await
            .map_err(|error| self.failure(&error))
    }

    async fn look(&self, engine: &Docker) -> Result<ContainerInspectResponse, Failure> {
        let mut looks = 0;
        loop {
            looks += 1;
            match engine.inspect_container(&self.name, None::<InspectContainerOptions>).await {
                // Podman calls one `stopped` that has ended and is not cleaned up yet: a word that Docker's API does not have.
                Err(Error::JsonDataError { .. }) if looks < LOOKS => tokio::time::sleep(AGAIN).await,
                found => return found.map_err(|error| self.failure(&error)),
            }
        }
    }

    /// What the engine says, and which container is meant; never its address.
    fn failure(&self, error: &Error) -> Failure {
        let Error::DockerResponseServerError { status_code, message } = error else {
            let detail = format!("the container engine does not answer: {}", cause(error));
            return Failure::new(FailureKind::Unreachable, &detail);
        };
        let name = &self.name;
        match *status_code {
            404 => refused(format!("the container engine knows no container {name}")),
            403 => refused(format!("the socket's proxy does not allow this for the container {name}")),
            code => failed(format!("container {name}: the engine says {code}: {message}")),
        }
    }

    fn demand(&self, found: &ContainerInspectResponse, label: &str) -> Result<(), Failure> {
        let labels: Option<&HashMap<String, String>> =
            found.config.as_ref().and_then(|config| config.labels.as_ref());
        if labels.and_then(|labels| labels.get(label)).is_some_and(|value| value == "true") {
            return Ok(());
        }
        Err(refused(format!("the container {} lacks the label {label}=true", self.name)))
    }
}

#[async_trait]
impl Power for Container {
    async fn start(&self) -> Result<(), Failure> {
        let engine = self.engine().await?;
        let found = self.look(&engine).await?;
        self.demand(&found, MANAGE)?;
        let (name, options) = (self.name.as_str(), None::<StartContainerOptions>);
        // Of one that runs nothing is asked.
        engine.start_container(name, options).await.map_err(|error| self.failure(&error))?;
        let mut looks = 0;
        loop {
            looks += 1;
            let state = self.look(&engine).await?.state.unwrap_or_default();
            if state.running != Some(true) {
                return Err(failed(format!("the container {name} has ended{}", ended(&state))));
            }
            match state.health.and_then(|health| health.status) {
                Some(HealthStatusEnum::UNHEALTHY) => {
                    return Err(failed(format!("the container {name} is unhealthy by its own check")));
                }
                Some(HealthStatusEnum::HEALTHY) => return Ok(()),
                Some(HealthStatusEnum::EMPTY | HealthStatusEnum::NONE) | None if looks >= LOOKS => {
                    return Ok(());
                }
                Some(HealthStatusEnum::STARTING | HealthStatusEnum::EMPTY | HealthStatusEnum::NONE)
                | None => {
                    tokio::time::sleep(AGAIN).await;
                }
            }
        }
    }

    async fn stop(&self) -> Result<(), Failure> {
        let engine = self.engine().await?;
        let found = self.look(&engine).await?;
        self.demand(&found, MANAGE)?;
        self.demand(&found, EXCLUSIVE)?;
        let options = StopContainerOptionsBuilder::default().t(GRACE_S).build();
        engine.stop_container(&self.name, Some(options)).await.map_err(|error| self.failure(&error))
    }
}

/// How it ended, in words.
fn ended(state: &ContainerState) -> String {
    let code = state.exit_code.map(|code| format!(" with code {code}")).unwrap_or_default();
    let memory = if state.oom_killed == Some(true) { ", out of memory" } else { "" };
    let error = state.error.as_deref().filter(|error| !error.is_empty());
    code + memory + &error.map(|error| format!(": {error}")).unwrap_or_default()
}

/// The innermost cause: the others name what was being done.
fn cause(error: &Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    /// An engine with one container, which each look finds in the next of these states.
    async fn serve(listener: TcpListener, states: &[&str]) -> std::io::Result<()> {
        let mut states = states.iter();
        loop {
            let (mut client, _) = listener.accept().await?;
            let mut request = vec![0; 4_096];
            let length = client.read(&mut request).await?;
            let request = String::from_utf8_lossy(request.get(..length).unwrap_or_default());
            let (code, body) = if request.contains("/version ") {
                ("200 OK", r#"{"ApiVersion":"1.41"}"#.to_owned())
            } else if request.starts_with("POST ") {
                ("204 No Content", String::new())
            } else {
                let state = states.next().copied().unwrap_or("exited");
                let state = format!(r#"{{"Status":"{state}","Running":false,"ExitCode":2}}"#);
                let labels = r#"{"smart-ai.manage":"true"}"#;
                ("200 OK", format!(r#"{{"State":{state},"Config":{{"Labels":{labels}}}}}"#))
            };
            let fields = "content-type: application/json\r\nconnection: close";
            let length = body.len();
            let answer = format!("HTTP/1.1 {code}\r\n{fields}\r\ncontent-length: {length}\r\n\r\n{body}");
            client.write_all(answer.as_bytes()).await?;
        }
    }

    #[tokio::test]
    async fn a_container_that_podman_calls_stopped_is_looked_at_until_it_has_ended() -> std::io::Result<()> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = format!("tcp://{}", listener.local_addr()?);
        let container = Container::new("ollama", Some(&address));
        let told = tokio::select! {
            told = container.start() => told,
            served = serve(listener, &["created", "stopped", "stopped", "exited"]) => return served,
        };
        let detail = told.err().map(|failure| failure.detail);
        assert_eq!(detail.as_deref(), Some("the container ollama has ended with code 2"));
        Ok(())
    }
}
