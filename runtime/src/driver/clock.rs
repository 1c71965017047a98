//! What time it is, since 1970: the same clock for the dispatcher and for the history.

use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use smart_ai_core::Millis;
use smart_ai_core::wire::Clock;

/// The time for the dispatcher.
pub(super) fn now() -> Millis {
    Millis(u64::try_from(since_1970().as_millis()).unwrap_or(0))
}

/// The time for the history. Setting the clock moves neither it nor a deadline.
pub(super) fn since_1970() -> Duration {
    static STEADY: LazyLock<Instant> = LazyLock::new(Instant::now);
    static CLOCK: Mutex<Clock> = Mutex::new(Clock::new());
    let mut clock = CLOCK.lock().unwrap_or_else(PoisonError::into_inner);
    clock.read(STEADY.elapsed(), awake())
}

/// The time since 1970 by a clock that goes on while the machine sleeps, and that no setting moves.
#[cfg(target_os = "linux")]
fn awake() -> Duration {
    static STARTED: LazyLock<Duration> = LazyLock::new(|| wall().saturating_sub(since_boot()));
    fn since_boot() -> Duration {
        Duration::try_from(rustix::time::clock_gettime(rustix::time::ClockId::Boottime)).unwrap_or_default()
    }
    STARTED.saturating_add(since_boot())
}

/// The time since 1970 by a clock that goes on while the machine sleeps: one that is set ahead looks like a sleep.
#[cfg(not(target_os = "linux"))]
fn awake() -> Duration {
    wall()
}

fn wall() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
