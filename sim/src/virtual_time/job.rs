//! One request of a run, and how it ended.

/// A request with its true size.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Job {
    /// Its number, in the order of arrival.
    pub id: usize,
    /// Seconds since the start.
    pub arrives: f64,
    /// The position of its class.
    pub class: usize,
    /// Tokens of its prompt, which callers know.
    pub prompt_tokens: f64,
    /// Tokens of its answer, which nobody knows beforehand.
    pub output_tokens: f64,
    /// Its true work is this many times what its size says.
    pub noise: f64,
}

/// How a job ended.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Ended {
    /// The job's number.
    pub job: usize,
    /// Seconds from its arrival to its end.
    pub seconds: f64,
    /// With an answer.
    pub answered: bool,
}
