//! What looking ahead found.

/// What was played, and what came of it.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Plan {
    /// Index into `Ranked::arms` of the chosen arm.
    pub(crate) arm: usize,
    /// The score's arm too.
    pub(crate) of_score: bool,
    /// It begins at once, though the score would let others go first.
    pub(crate) now: bool,
    /// Futures played.
    pub(crate) futures: u32,
    /// Futures in which the choice was better than the score's.
    pub(crate) better_in: u32,
    /// Seconds all jobs together gain by the choice, on average.
    pub(crate) gain_s: f64,
}
