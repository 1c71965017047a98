//! What every driver must know of the wire, written once as pure functions: a driver moves bytes and holds no rule.

mod answer;
mod answer_reader;
mod ask;
mod body;
mod connection;
mod embeddings;
mod feedback;
mod fields;
mod fleet_config;
mod host;
mod json;
mod metrics;
mod parts;
mod preset;
mod reply;
mod server_url;
mod show;
mod status;
mod surrogates;
mod verdict;

pub use crate::classify::{Classification, classify};
pub use answer::{Answer, AnswerUsage};
pub use answer_reader::{ANSWER_MAX, AnswerReader, Piece, answer_too_long};
pub use ask::Ask;
pub use connection::failure_of_connection;
pub use embeddings::{Embeddings, read_embeddings};
pub use feedback::{Feedback, feedback_event};
pub use fleet_config::{Endpoint, Fleet, FleetConfig, FleetHost, PrometheusServer};
pub use host::{read_ps, read_tags, read_version};
pub use metrics::{metrics_query, read_metrics, recorded_query};
pub use preset::{Preset, PresetSignal, presets};
pub use reply::{Reply, canary_failure, host_state, model_state, signals_state};
pub use show::read_show;
pub use status::failure_of_status;
pub use surrogates::json_text;
pub use verdict::{Verdict, repair_prompt};
