//! When hosts were last looked at because a request named a model that no host was known to have.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Between two looks for the sake of unknown models.
const LOOKS_APART: Duration = Duration::from_secs(1);

/// When hosts were last looked at for the sake of an unknown model.
#[derive(Debug, Default)]
pub(super) struct Lookup(Mutex<Option<Instant>>);

impl Lookup {
    /// When the look began that is to be waited for; whether it is to begin now.
    pub(super) fn begin(&self) -> (Instant, bool) {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        match *last {
            Some(began) if now.duration_since(began) < LOOKS_APART => (began, false),
            Some(_) | None => {
                *last = Some(now);
                (now, true)
            }
        }
    }
}
