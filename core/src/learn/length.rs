//! How long answers get: a shape's own history first, then the task's, then a prior.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::learn::LogMean;
use crate::names::{Millis, Shape};
use crate::request::{Request, Task};

/// A longer history counts as if the next wider one were this many observations.
const POOL_WEIGHT: f64 = 3.0;
/// Shapes remembered; beyond it the one unused longest goes.
const SHAPES_KEPT: usize = 2_000;

/// Answer lengths in tokens, by shape and by task.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(export_to = "core.d.ts"))]
#[serde(deny_unknown_fields)]
pub struct Lengths {
    shapes: BTreeMap<Shape, LogMean>,
    tasks: BTreeMap<Task, LogMean>,
}

impl Lengths {
    /// Takes in one answer's length.
    pub fn observe(&mut self, now: Millis, request: &Request, output_tokens: u32) {
        let tokens = f64::from(output_tokens);
        self.tasks.entry(request.task).or_default().observe(now, tokens);
        let Some(shape) = &request.shape else { return };
        if self.shapes.len() >= SHAPES_KEPT && !self.shapes.contains_key(shape) {
            let oldest =
                self.shapes.iter().min_by_key(|(_, mean)| mean.updated).map(|(shape, _)| shape.clone());
            oldest.map(|shape| self.shapes.remove(&shape));
        }
        self.shapes.entry(shape.clone()).or_default().observe(now, tokens);
    }

    /// Expected tokens of the answer, capped by the caller's own limit.
    pub fn expected_tokens(&self, request: &Request) -> f64 {
        let prior = prior_tokens(request.task);
        if prior == 0.0 {
            return 0.0;
        }
        let task = self.tasks.get(&request.task).map_or(prior, |mean| mean.estimate(prior, POOL_WEIGHT));
        let shape = request.shape.as_ref().and_then(|shape| self.shapes.get(shape));
        let tokens = shape.map_or(task, |mean| mean.estimate(task, POOL_WEIGHT));
        request.max_tokens.map_or(tokens, |cap| tokens.min(f64::from(cap)))
    }
}

/// Tokens of a typical answer before any history. An embedding writes none.
fn prior_tokens(task: Task) -> f64 {
    match task {
        Task::General => 200.0,
        Task::Summarize => 120.0,
        Task::Analyze => 300.0,
        Task::Extract => 60.0,
        Task::Classify => 8.0,
        Task::Code => 350.0,
        Task::Chat | Task::Vision => 150.0,
        Task::Embed => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shape_says_more_than_its_task() {
        let mut lengths = Lengths::default();
        let mut long = Request::new(Task::General, 100);
        long.shape = Some("report".into());
        let mut short = long.clone();
        short.shape = Some("yes-no".into());
        for at in 0..20 {
            lengths.observe(Millis(at), &long, 900);
            lengths.observe(Millis(at), &short, 2);
        }
        assert!(lengths.expected_tokens(&long) > 400.0);
        assert!(lengths.expected_tokens(&short) < 6.0);
        short.max_tokens = Some(1);
        assert!(lengths.expected_tokens(&short) <= 1.0);
    }

    #[test]
    fn remembered_shapes_are_bounded() {
        let mut lengths = Lengths::default();
        for index in 0..(SHAPES_KEPT as u64 + 50) {
            let mut request = Request::new(Task::Chat, 10);
            request.shape = Some(format!("shape-{index}").into());
            lengths.observe(Millis(index), &request, 10);
        }
        assert_eq!(lengths.shapes.len(), SHAPES_KEPT);
        assert!(!lengths.shapes.contains_key(&Shape::from("shape-0")));
    }
}
