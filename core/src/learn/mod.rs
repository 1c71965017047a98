//! What outcomes teach: rates, load times, how runners slow each other, how many requests they answer at a time, how much memory there is, answer lengths, demand, reliability, quality, and when a host has changed.

mod arrivals;
mod change;
mod demand;
mod judged;
mod knowledge;
mod length;
mod log_mean;
mod machine;
mod quality;
mod reliability;
mod room;
mod sharing;
mod slots;

pub(crate) use arrivals::{Arrivals, Kind};
pub use change::Change;
pub use demand::Demand;
pub use judged::Judged;
pub use knowledge::{Estimate, Knowledge, Lessons, Subject};
pub use length::Lengths;
pub(crate) use length::{Expectation, Length, Wordiness, upper_tail};
pub use log_mean::LogMean;
pub(crate) use machine::{Beside, Slowing, are_together, slower_beside};
pub use quality::Qualities;
pub use reliability::Reliability;
pub(crate) use room::{Room, SeenModel, USABLE_SHARE};
pub(crate) use sharing::{Sharing, all_shared, usual};
pub(crate) use slots::{Freed, Slots, TELLING_MS};
