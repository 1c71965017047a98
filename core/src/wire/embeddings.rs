//! The answer of `/api/embed`.

use super::answer_reader::usage_of;
use super::json;
use crate::event::Usage;
use crate::failure::{Failure, FailureKind};
use serde::{Deserialize, Serialize};

/// Vectors and counters.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(export_to = "core.d.ts"))]
pub struct Embeddings {
    /// One vector per input text.
    pub embeddings: Vec<Vec<f64>>,
    /// The server's counters.
    pub usage: Usage,
}

/// Reads the body of a 200 of `/api/embed`.
///
/// # Errors
/// `bad_protocol` where it holds no vectors of numbers.
pub fn read_embeddings(body: &str) -> Result<Embeddings, Failure> {
    let mut map = json::object(body, "the vectors of /api/embed")?;
    let vectors = map.remove("embeddings").and_then(|rows| serde_json::from_value(rows).ok());
    let embeddings: Vec<Vec<f64>> = vectors.ok_or_else(|| json::not("the vectors of /api/embed", body))?;
    if embeddings.is_empty() || embeddings.iter().any(Vec::is_empty) {
        return Err(Failure::new(FailureKind::BadProtocol, "the server sent no vector"));
    }
    Ok(Embeddings { embeddings, usage: usage_of(&map) })
}
