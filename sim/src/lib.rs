//! Simulated Ollama hosts.
//!
//! [`FakeOllama`] is a live HTTP server that behaves as Ollama does: scheduler, eviction, `keep_alive`, streaming, counters and error texts, with
//! speeds, memory and faults by configuration.
//!
//! ```
//! use smart_ai_sim::{Config, FakeOllama, ModelConfig};
//!
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! let config = Config { models: vec![ModelConfig::named("phi3:mini")], ..Config::default() };
//! let host = FakeOllama::start(config).await?;
//! assert!(host.url().starts_with("http://127.0.0.1:"));
//! assert_eq!(host.stats().loads, 0);
//! host.stop().await;
//! # Ok::<(), smart_ai_sim::StartError>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The rules are apart from HTTP and the wall clock: [`scheduler`] decides who loads, waits and goes, [`machine`] how fast runners work.

mod catalog;
pub mod config;
mod duration;
pub mod fault;
pub mod machine;
mod name;
mod random;
pub mod scheduler;
mod server;
pub mod stats;
mod text;
pub mod virtual_time;

pub use config::{Capability, Config, ConfigError, ModelConfig, Oversize, model_flag};
pub use fault::{ActiveFault, Fault, FaultKind};
pub use server::{FakeOllama, StartError};
pub use stats::{ModelStats, Stats};
