//! Which host gets a request that is not dispatched.

use axum::http::HeaderMap;
use reqwest::RequestBuilder;
use smart_ai_core::{Failure, FailureKind, HostId};

use super::headers::HOST;
use crate::http::{Server, connection_failure};
use crate::serve::state::Sidecar;

impl Sidecar {
    /// The host that a request names.
    ///
    /// # Errors
    /// The words for its client where no host is called so.
    pub(super) fn named(&self, headers: &HeaderMap) -> Result<Option<HostId>, String> {
        let Some(name) = headers.get(HOST) else { return Ok(None) };
        let host = HostId::from(String::from_utf8_lossy(name.as_bytes()).trim());
        if self.hosts.contains_key(&host) { Ok(Some(host)) } else { Err(format!("no host is called {host}")) }
    }

    /// The hosts a request without a dispatcher may go to, the best first: the one it names, those that have the model, those that answer.
    pub(super) fn hosts_for(&self, named: Option<HostId>, model: &str) -> Vec<HostId> {
        if let Some(named) = named {
            return vec![named];
        }
        let having = self.inventory.with_model(model);
        if !having.is_empty() {
            return having.into_iter().map(|having| having.host).collect();
        }
        let hosts = self.inventory.hosts();
        let mut up: Vec<HostId> =
            hosts.iter().filter(|(_, view)| view.up).map(|(id, _)| id.clone()).collect();
        up.sort_by_key(|id| *id != self.first);
        if up.is_empty() { vec![self.first.clone()] } else { up }
    }

    /// Asks the first of these hosts that can be reached; another is asked only where the one before it cannot have read the request.
    pub(super) async fn ask_one(
        &self,
        hosts: &[HostId],
        ask: impl Fn(&Server) -> RequestBuilder,
    ) -> (HostId, Result<reqwest::Response, Failure>) {
        let no_host = Failure::new(FailureKind::Unreachable, "no host of this name");
        let mut last = (self.first.clone(), Err(no_host));
        for host in hosts {
            let Some(server) = self.hosts.get(host) else { continue };
            match ask(server).send().await {
                Ok(response) => return (host.clone(), Ok(response)),
                Err(error) => {
                    let unread = error.is_connect();
                    last = (host.clone(), Err(connection_failure(&error)));
                    if !unread {
                        break;
                    }
                }
            }
        }
        last
    }
}
