//! When hosts were last looked at because a request named a model that no host was known to have.

use std::sync::{Mutex, PoisonError};

use tokio::time::{Duration, Instant};

/// The least time between two looks at the hosts because of unknown models.
const LOOKS_APART: Duration = Duration::from_millis(250);

/// When hosts were last looked at for the sake of an unknown model.
#[derive(Debug, Default)]
pub(super) struct Lookup(Mutex<Option<Instant>>);

/// What a request for an unknown model does next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Turn {
    /// Look at the hosts.
    Look,
    /// Nothing: another request looked since this one came.
    Looked,
    /// Wait: hosts were looked at just before this request came, maybe too early to see what it asks for.
    Wait { until: Instant },
}

impl Lookup {
    /// Whose turn it is to look at the hosts, for a request that came at `asked`.
    pub(super) fn turn(&self, asked: Instant) -> Turn {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        match *last {
            Some(began) if began >= asked => Turn::Looked,
            Some(began) if now.duration_since(began) < LOOKS_APART => {
                Turn::Wait { until: began + LOOKS_APART }
            }
            Some(_) | None => {
                *last = Some(now);
                Turn::Look
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_look_that_began_before_a_request_came_is_not_enough_for_it() {
        let lookup = Lookup::default();
        let first = Instant::now();
        assert_eq!(lookup.turn(first), Turn::Look);
        assert_eq!(lookup.turn(first), Turn::Looked);
        tokio::time::advance(Duration::from_millis(1)).await;
        let second = Instant::now();
        assert_eq!(lookup.turn(second), Turn::Wait { until: first + LOOKS_APART });
        tokio::time::advance(LOOKS_APART).await;
        assert_eq!(lookup.turn(second), Turn::Look);
        assert_eq!(lookup.turn(second), Turn::Looked);
    }
}
