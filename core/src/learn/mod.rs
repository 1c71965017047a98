//! What outcomes teach: rates, load times, answer lengths, reliability.

mod length;
mod log_mean;
mod reliability;

pub use length::Lengths;
pub use log_mean::LogMean;
pub use reliability::Reliability;
