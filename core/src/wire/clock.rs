//! What time it is for a driver: a clock that no setting moves, and that goes on while the machine sleeps.

use core::time::Duration;

/// How far the wall clock must run ahead before it is believed that the machine slept: less is a correction of the clock.
const AHEAD: Duration = Duration::from_secs(30);

/// Time since 1970: the wall clock at the first reading, then the steady clock. Many steady clocks stand still while the machine
/// sleeps; a wall clock that has run ahead of it shows that it slept.
#[derive(Clone, Copy, Debug, Default)]
pub struct Clock {
    /// The steady clock, and the time it stood for, at the first reading and after each sleep.
    set: Option<(Duration, Duration)>,
}

impl Clock {
    /// A clock that has not been read yet.
    pub const fn new() -> Self {
        Self { set: None }
    }

    /// The time now, by a steady clock and the wall clock. Never less than before.
    pub fn read(&mut self, steady: Duration, wall: Duration) -> Duration {
        let (steady_then, then) = *self.set.get_or_insert((steady, wall));
        let now = then.saturating_add(steady.saturating_sub(steady_then));
        if wall.saturating_sub(now) < AHEAD {
            return now;
        }
        self.set = Some((steady, wall));
        wall
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sleep_counts_and_a_clock_that_is_set_does_not() {
        let mut clock = Clock::new();
        let mut read =
            |steady, wall| clock.read(Duration::from_secs(steady), Duration::from_secs(wall)).as_secs();
        assert_eq!(read(1, 1_000_000), 1_000_000);
        assert_eq!(read(2, 1_000_001), 1_000_001);
        assert_eq!(read(3, 996_402), 1_000_002, "set back an hour");
        assert_eq!(read(4, 1_000_022), 1_000_003, "set forward a little");
        let eight_hours = 8 * 3_600;
        assert_eq!(read(5, 1_000_004 + eight_hours), 1_000_004 + eight_hours);
        assert_eq!(read(6, 1_000_005 + eight_hours), 1_000_005 + eight_hours);
    }
}
