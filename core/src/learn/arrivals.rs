//! What will be asked next: the kinds of requests that come, how often, how bursty, how long their prompts are.

use crate::learn::{Demand, LogMean};
use crate::names::{Millis, Shape};
use crate::number::Between as _;
use crate::request::Request;

/// Kinds remembered; beyond it the one unused longest goes.
const KINDS_KEPT: usize = 24;
/// Weight that older gaps between requests keep at each new one.
const GAP_KEPT: f64 = 0.97;
/// Milliseconds after which announced requests that have not come are no longer expected.
const ANNOUNCED_MS: u64 = 60_000;

/// Requests of one shape, or of one task where they have none.
#[derive(Clone, Debug)]
pub(crate) struct Kind {
    /// The last one, as an example of the next.
    pub(crate) example: Request,
    pub(crate) prompt: LogMean,
    demand: Demand,
    /// Announced and not yet come.
    announced: u32,
    announced_at: Millis,
}

impl Kind {
    /// Requests still to come of those announced.
    pub(crate) fn announced(&self, now: Millis) -> u32 {
        if now.since(self.announced_at) < ANNOUNCED_MS { self.announced } else { 0 }
    }
}

/// Every kind, and the rhythm of them all together.
#[derive(Clone, Debug, Default)]
pub(crate) struct Arrivals {
    kinds: Vec<Kind>,
    since: Option<Millis>,
    last: Millis,
    /// Fading count, mean and mean square of the gaps, in seconds.
    gaps: (f64, f64, f64),
}

impl Arrivals {
    pub(crate) fn observe(&mut self, now: Millis, request: &Request) {
        if self.since.is_some() {
            let gap = now.since(self.last) as f64 / 1e3;
            let (count, mean, square) = &mut self.gaps;
            *count = *count * GAP_KEPT + 1.0;
            *mean += (gap - *mean) / *count;
            *square += (gap * gap - *square) / *count;
        }
        self.since.get_or_insert(now);
        self.last = now;
        let position = self.kind_of(now, request);
        if let Some(kind) = self.kinds.get_mut(position) {
            kind.example.clone_from(request);
            kind.demand.observe(now);
            kind.prompt.observe(now, f64::from(request.prompt_tokens.max(1)));
            kind.announced = kind.announced.saturating_sub(1);
        }
    }

    /// Leaves out a time in which no request could come: the machine slept.
    pub(crate) fn slept(&mut self, ms: u64) {
        self.last = self.last.plus(ms);
        self.since = self.since.map(|at| at.plus(ms));
    }

    /// Takes in an announcement: this many more requests of the shape will follow at once.
    pub(crate) fn announce(&mut self, now: Millis, shape: &Shape, count: u32) {
        if let Some(kind) = self.kinds.iter_mut().find(|kind| kind.example.shape.as_ref() == Some(shape)) {
            (kind.announced, kind.announced_at) = (count, now);
        }
    }

    fn kind_of(&mut self, now: Millis, request: &Request) -> usize {
        let same = |kind: &Kind| {
            kind.example.shape == request.shape
                && (request.shape.is_some() || kind.example.task == request.task)
        };
        if let Some(known) = self.kinds.iter().position(same) {
            return known;
        }
        let new = Kind {
            example: request.clone(),
            prompt: LogMean::default(),
            demand: Demand::default(),
            announced: 0,
            announced_at: now,
        };
        if self.kinds.len() < KINDS_KEPT {
            self.kinds.push(new);
            return self.kinds.len() - 1;
        }
        let oldest = self.kinds.iter().enumerate().min_by_key(|(_, kind)| kind.demand.updated);
        let oldest = oldest.map_or(0, |(position, _)| position);
        if let Some(place) = self.kinds.get_mut(oldest) {
            *place = new;
        }
        oldest
    }

    /// The kinds, each with its requests a second.
    pub(crate) fn kinds(&self, now: Millis) -> impl Iterator<Item = (&Kind, f64)> {
        let since = self.since.unwrap_or(now);
        self.kinds.iter().map(move |kind| (kind, kind.demand.rate_per_s(now, since)))
    }

    /// Seconds since the last request came.
    pub(crate) fn since_last_s(&self, now: Millis) -> f64 {
        now.since(self.last) as f64 / 1e3
    }

    /// Squared coefficient of variation of the gaps: 1 where requests come at random, more where they come in bursts.
    pub(crate) fn burstiness(&self) -> f64 {
        let (count, mean, square) = self.gaps;
        if count < 5.0 || mean <= 0.0 { 1.0 } else { (square / (mean * mean) - 1.0).between(0.1, 16.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::Task;

    fn request(shape: &str) -> Request {
        Request { shape: Some(shape.into()), ..Request::new(Task::General, 100) }
    }

    #[test]
    fn kinds_come_with_their_rates_and_bursts_show() {
        let mut arrivals = Arrivals::default();
        for second in 0..600 {
            arrivals.observe(Millis(second * 1_000), &request("often"));
            if second % 10 == 0 {
                arrivals.observe(Millis(second * 1_000), &request("seldom"));
            }
        }
        let rates: Vec<f64> = arrivals.kinds(Millis(600_000)).map(|(_, rate)| rate).collect();
        assert!(
            matches!(rates.as_slice(), [often, seldom] if (often - 1.0).abs() < 0.1 && (seldom - 0.1).abs() < 0.03),
            "{rates:?}"
        );
        assert!(arrivals.burstiness() < 0.5);
        let mut bursty = Arrivals::default();
        for burst in 0..60 {
            for _ in 0..10 {
                bursty.observe(Millis(burst * 60_000), &request("batch"));
            }
        }
        assert!(bursty.burstiness() > 3.0, "{}", bursty.burstiness());
    }

    #[test]
    fn announced_requests_are_expected_until_they_come_or_time_has_passed() {
        let mut arrivals = Arrivals::default();
        arrivals.observe(Millis(0), &request("batch"));
        arrivals.announce(Millis(0), &"batch".into(), 3);
        arrivals.observe(Millis(10), &request("batch"));
        let left =
            |now| arrivals.kinds(Millis(now)).map(|(kind, _)| kind.announced(Millis(now))).sum::<u32>();
        assert_eq!((left(20), left(100_000)), (2, 0));
    }

    #[test]
    fn remembered_kinds_are_bounded() {
        let mut arrivals = Arrivals::default();
        for index in 0..200 {
            arrivals.observe(Millis(index), &request(&format!("shape-{index}")));
        }
        assert_eq!(arrivals.kinds(Millis(200)).count(), KINDS_KEPT);
    }
}
