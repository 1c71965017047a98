//! The sidecar: `/metrics` for Prometheus, and an Ollama-compatible proxy that measures and dispatches every client's requests.

mod api;
mod arriving;
mod bodies;
mod client;
mod clock;
mod dialect;
mod guard;
mod host_metrics;
mod inventory;
mod lines;
mod listed;
mod listener;
mod lookup;
mod manager;
mod measure;
mod metrics;
mod object_text;
mod options;
mod proxy;
mod routes;
mod socket;
mod state;
mod watch;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::middleware::from_fn_with_state;
use smart_ai_core::wire::FleetConfig;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub use guard::{Access, KeyError, Manage, Secret};
pub use options::{ServeError, ServeOptions};

use crate::driver::Engine;
use crate::store::History;
use crate::traces::Traces;
use guard::{Guard, Keys};
use routes::{OPEN_PAGES, OPEN_PATHS};
use state::Sidecar;

/// How long it may take to tell clients that their requests are cut at the end.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// A sidecar at work. It stops when `stop` is called.
#[derive(Debug)]
pub struct Serving {
    /// Where `/metrics` is.
    pub metrics: SocketAddr,
    /// Where the proxy is.
    pub proxy: SocketAddr,
    drain: Duration,
    engine: Engine,
    history: Option<History>,
    traces: Option<Traces>,
    keys: Arc<Keys>,
    stopping: CancellationToken,
    tasks: JoinSet<()>,
}

/// Starts both listeners.
///
/// # Errors
/// A configuration that is not right, or an address that cannot be had or may not be used.
pub async fn serve(config: &FleetConfig, options: &ServeOptions) -> Result<Serving, ServeError> {
    let access = &options.access;
    let keys = Arc::new(Keys::of(access)?);
    if !options.proxy.ip().is_loopback() && options.allow_remote && keys.is_empty() && !access.no_key {
        return Err(ServeError::Keyless { address: options.proxy });
    }
    let metrics_listener = listen("metrics", options.metrics, options.allow_remote).await?;
    let proxy_listener = listen("proxy", options.proxy, options.allow_remote).await?;
    let history = match &options.history {
        Some(history) => History::open(history).await?,
        None => None,
    };
    let traces = options.traces.as_ref().map(Traces::open).transpose()?.flatten();
    let mut sidecar = Sidecar::start(config, options, history.as_ref(), traces.as_ref())?;
    let addresses = (address(&metrics_listener, options.metrics), address(&proxy_listener, options.proxy));
    let (stopping, mut tasks) = (CancellationToken::new(), JoinSet::new());
    let name = format!("smart-ai serve, process {}, proxy {}", std::process::id(), addresses.1);
    let lock = manager::Lock::of(config, name.clone());
    let contest = history
        .as_ref()
        .filter(|_| options.standby || lock.is_some())
        .and_then(|history| history.contend(manager::key_of(config), &name, sidecar.engine.clone()));
    let standing = contest.map(|(standing, run)| {
        let stopping = stopping.clone();
        tasks.spawn(async move {
            stopping.run_until_cancelled(Box::pin(run)).await;
        });
        standing
    });
    if options.standby {
        sidecar.standing = Some(standing.clone().ok_or(ServeError::Standby)?);
    }
    let sidecar = Arc::new(sidecar);
    tasks.spawn(watch::run(Arc::clone(&sidecar), options.poll, stopping.clone()));
    let page_keys = if access.metrics_key { Arc::clone(&keys) } else { Arc::default() };
    let pages = Guard::new(access, page_keys, OPEN_PAGES).before(routes::pages(Arc::clone(&sidecar)));
    tasks.spawn(listener::run(metrics_listener, pages, options.max_connections, stopping.clone()));
    let limited = from_fn_with_state(stopping.clone(), arriving::limited);
    let proxy = routes::proxy(Arc::clone(&sidecar)).layer(limited);
    let proxy = Guard::new(access, Arc::clone(&keys), OPEN_PATHS).before(proxy);
    tasks.spawn(listener::run(proxy_listener, proxy, options.max_connections, stopping.clone()));
    if let Some(lock) = lock {
        tasks.spawn(manager::manage(sidecar.engine.clone(), lock, standing, stopping.clone()));
    }
    if let Some(history) = &history {
        tasks.spawn(history.follow(sidecar.engine.clone(), stopping.clone()));
    }
    let (metrics, proxy_address) = addresses;
    let engine = sidecar.engine.clone();
    let drain = options.drain;
    Ok(Serving { metrics, proxy: proxy_address, drain, engine, history, traces, keys, stopping, tasks })
}

impl Serving {
    /// Reads the file of keys anew; one that is not right changes nothing.
    ///
    /// # Errors
    /// A file that cannot be read or holds no key.
    pub fn read_keys(&self) -> Result<(), KeyError> {
        self.keys.read_again()
    }

    /// Takes no more requests and lets those under way end, for as long as `drain` says; then cuts them, and tells their clients.
    /// `false` where it had to.
    pub async fn stop(mut self) -> bool {
        self.stopping.cancel();
        let all = async { while self.tasks.join_next().await.is_some() {} };
        tokio::pin!(all);
        let drained = tokio::time::timeout(self.drain, &mut all).await.is_ok();
        self.engine.close();
        if !drained {
            // Who has not heard it by then is cut without a word.
            drop(tokio::time::timeout(LAST_WORDS, all).await);
        }
        if let Some(history) = self.history {
            history.close().await;
        }
        if let Some(traces) = self.traces {
            traces.close().await;
        }
        drained
    }
}

async fn listen(
    flag: &'static str,
    address: SocketAddr,
    allow_remote: bool,
) -> Result<TcpListener, ServeError> {
    if !address.ip().is_loopback() && !allow_remote {
        return Err(ServeError::Remote { flag, address });
    }
    TcpListener::bind(address).await.map_err(|source| ServeError::Address { flag, address, source })
}

fn address(listener: &TcpListener, asked: SocketAddr) -> SocketAddr {
    listener.local_addr().unwrap_or(asked)
}

#[cfg(test)]
mod tests {
    use std::error::Error;

    use serde_json::{Value, json};
    use smart_ai_sim::{Config, FakeOllama, ModelConfig};

    use super::*;

    async fn ready(address: SocketAddr, path: &str) -> Result<(u16, Value), Box<dyn Error>> {
        let response = reqwest::get(format!("http://{address}{path}")).await?;
        let status = response.status().as_u16();
        Ok((status, serde_json::from_str(&response.text().await?)?))
    }

    #[tokio::test]
    async fn a_sidecar_whose_engine_has_ended_is_not_ready_though_its_hosts_are() -> Result<(), Box<dyn Error>>
    {
        let host =
            FakeOllama::start(Config { models: vec![ModelConfig::named("m")], ..Config::default() }).await?;
        let config =
            FleetConfig::from_json(&json!({ "hosts": [{ "id": "pc", "url": host.url() }] }).to_string())?;
        let any = "127.0.0.1:0".parse()?;
        let options = ServeOptions {
            metrics: any,
            proxy: any,
            allow_remote: false,
            max_body: 1 << 20,
            max_bodies: 1 << 24,
            access: Access::default(),
            max_connections: 64,
            poll: Duration::from_millis(100),
            drain: Duration::from_secs(5),
            history: None,
            traces: None,
            standby: false,
        };
        let serving = serve(&config, &options).await?;
        while ready(serving.metrics, "/ready").await?.0 != 200 {
            // Asked again as soon as it has answered: the first look is under way.
            serving.engine.snapshot().await.map_err(|error| error.message)?;
        }
        serving.engine.close();
        for (address, path) in [(serving.metrics, "/ready"), (serving.proxy, "/smart-ai/ready")] {
            let told = ready(address, path).await?;
            let expected = json!({ "ok": false, "engine": false, "up": ["pc"], "down": [] });
            assert_eq!(told, (503, expected));
        }
        serving.stop().await;
        Ok(())
    }
}
