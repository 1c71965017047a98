//! How long answers get: a shape's own history first, then what the text asks for or the task's history, then a prior; a
//! model's own way on top, with this shape where that is known, else with all.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use crate::learn::knowledge::{Knowledge, Lessons, Subject};
use crate::learn::log_mean::LogMean;
use crate::names::{Millis, ModelName, Shape};
use crate::number::Between as _;
use crate::request::{Request, Task};

/// How many observations of the narrower history (a shape's own) the wider one (its task's) is worth.
const POOL_WEIGHT: f64 = 3.0;
/// How much more than chance a model's answers to one shape must differ from those of other models before the difference counts: a
/// multiple of the variance of their mean.
const PAIR_CHANCE: f64 = 2.0;
/// How many answers of a shape the expectation from its task is worth.
const SHAPE_WEIGHT: f64 = 1.0;
/// Variance of the logarithm of answer lengths before any history (σ = 0.8).
const PRIOR_SPREAD: f64 = 0.64;
/// Variance of the logarithm of answer lengths where the text says how long the answer shall be (σ = 0.5).
const STATED_SPREAD: f64 = 0.25;
/// Shapes remembered; beyond it the one unused longest is forgotten.
const SHAPES_KEPT: usize = 2_000;
/// Models remembered; beyond it the one unused longest is forgotten.
const MODELS_KEPT: usize = 500;
/// The density of the standard normal distribution at zero.
const SQRT_2_PI_INVERSE: f64 = 0.398_942_280_401_432_7;
/// Models remembered for one shape.
const SHAPE_MODELS_KEPT: usize = 16;
/// Name of the estimate of a shape's or task's answer length.
const LENGTH: &str = "length";
/// Put before a model's name for the estimate of that model's answers alone.
const BY: &str = "by ";

/// Answer lengths in tokens, by shape and by task, and what each model makes of them.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(export_to = "core.d.ts"))]
#[serde(deny_unknown_fields)]
pub struct Lengths {
    #[cfg_attr(feature = "typescript", ts(as = "std::collections::BTreeMap<Shape, ShapeLengths>"))]
    shapes: BTreeMap<Shape, ShapeLengths>,
    #[cfg_attr(feature = "typescript", ts(as = "std::collections::BTreeMap<Task, LogMean>"))]
    tasks: BTreeMap<Task, LogMean>,
    /// Actual ÷ expected length, by model.
    #[cfg_attr(feature = "typescript", ts(as = "std::collections::BTreeMap<ModelName, LogMean>"))]
    models: BTreeMap<ModelName, LogMean>,
}

/// Lengths of the answers to one shape.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(export_to = "core.d.ts"))]
#[serde(deny_unknown_fields)]
pub(crate) struct ShapeLengths {
    /// Tokens as a model without a way of its own would write them.
    any: LogMean,
    /// Tokens that each model wrote: one stops after a word where another runs on.
    #[cfg_attr(feature = "typescript", ts(as = "std::collections::BTreeMap<ModelName, LogMean>"))]
    models: BTreeMap<ModelName, LogMean>,
}

/// How much longer than others a model answers, and the logarithm of that.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Wordiness {
    factor: f64,
    ln: f64,
}

impl Wordiness {
    pub(crate) fn new(factor: f64) -> Self {
        Self { factor, ln: libm::log(factor) }
    }
}

/// What is believed of the answer to one request, for each model that may write it.
#[derive(Clone, Copy)]
pub(crate) struct Expectation<'a> {
    /// The length for a model that answers no longer and no shorter than others.
    pub(crate) length: Length,
    /// Its mean before the caller's cap.
    uncapped: f64,
    /// What each model made of this shape.
    models: Option<&'a BTreeMap<ModelName, LogMean>>,
}

impl Expectation<'_> {
    /// The length of this model's answer; its wordiness is its own way with all requests.
    pub(crate) fn by(&self, model: &ModelName, wordiness: Wordiness) -> Length {
        self.length_by(self.known(model), wordiness)
    }

    /// The length of a model's answer, where `own` are the lengths of its earlier answers to this shape.
    fn length_by(&self, own: Option<&LogMean>, wordiness: Wordiness) -> Length {
        let mut length = self.length;
        length.mean_ln += wordiness.ln;
        if let Some(own) = own {
            let (off, wider) = (own.mean_ln - length.mean_ln, length.sigma * length.sigma);
            let spread = own.spread(wider, POOL_WEIGHT);
            // Stein's shrinkage: off² is expected to be spread ÷ weight where all models are alike.
            let share = (1.0 - PAIR_CHANCE * spread / own.weight.max(1.0) / (off * off).max(1e-9)).max(0.0);
            length.mean_ln += share * off;
            length.sigma = (wider + share * (spread - wider)).sqrt();
        }
        length
    }

    /// Expected tokens of this model's answer, capped.
    pub(crate) fn tokens_by(&self, model: &ModelName, wordiness: Wordiness) -> f64 {
        match self.known(model) {
            own @ Some(_) => self.length_by(own, wordiness).mean(),
            None => (self.uncapped * wordiness.factor).min(self.length.cap),
        }
    }

    /// How much longer this model's answer is than that of one without a way of its own.
    pub(crate) fn factor_of(&self, model: &ModelName, wordiness: Wordiness) -> f64 {
        match self.known(model) {
            own @ Some(_) => self.length_by(own, wordiness).uncapped() / self.uncapped.max(1.0),
            None => wordiness.factor,
        }
    }

    fn known(&self, model: &ModelName) -> Option<&LogMean> {
        let models = self.models.filter(|_| self.length.cap > 0.0)?;
        // So few are sooner told apart by their lengths than put in order.
        models.iter().find(|(name, _)| *name == model).map(|(_, own)| own)
    }
}

/// A log-normal belief about one answer's tokens.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub(crate) struct Length {
    /// Mean of the logarithm.
    pub(crate) mean_ln: f64,
    /// Standard deviation of the logarithm.
    pub(crate) sigma: f64,
    /// The caller's cap; an embedding writes none.
    pub(crate) cap: f64,
}

impl Length {
    /// Expected tokens, exp(μ + σ²/2), capped.
    pub(crate) fn mean(&self) -> f64 {
        self.uncapped().min(self.cap)
    }

    /// Expected tokens, exp(μ + σ²/2), where no cap ends the answer.
    pub(crate) fn uncapped(&self) -> f64 {
        if self.cap <= 0.0 { 0.0 } else { libm::exp(self.mean_ln + self.sigma * self.sigma / 2.0) }
    }

    /// Tokens that it stays below in most cases: the given number of standard deviations of the logarithm above its median, capped.
    pub(crate) fn at_most(&self, deviations: f64) -> f64 {
        if self.cap <= 0.0 { 0.0 } else { libm::exp(self.mean_ln + deviations * self.sigma).min(self.cap) }
    }

    /// Expected tokens still to come once `written` are out: E[G − k | G > k] of the log-normal.
    pub(crate) fn rest(&self, written: f64) -> f64 {
        if written < 1.0 {
            return self.mean();
        }
        let sigma = self.sigma.max(0.05);
        let z = (libm::log(written) - self.mean_ln) / sigma;
        let beyond = upper_tail(z);
        // Far beyond anything seen: as much again as a tail this heavy promises.
        let rest = if beyond < 1e-6 {
            written * sigma / z.max(1.0)
        } else {
            libm::exp(self.mean_ln + sigma * sigma / 2.0) * upper_tail(z - sigma) / beyond - written
        };
        rest.between(1.0, (self.cap - written).max(1.0))
    }
}

/// Probability that a standard normal is above `z`, to 10⁻⁷: Abramowitz and Stegun 26.2.17, a tenth of the code of an exact one.
pub(crate) fn upper_tail(z: f64) -> f64 {
    let t = 1.0 / (1.0 + 0.231_641_9 * z.abs());
    let factors = [1.330_274_429, -1.821_255_978, 1.781_477_937, -0.356_563_782, 0.319_381_53];
    let sum = factors.iter().fold(0.0, |sum, factor| t * (sum + factor)) * SQRT_2_PI_INVERSE;
    let tail = libm::exp(-z * z / 2.0) * sum;
    if z < 0.0 { 1.0 - tail } else { tail }
}

impl Lengths {
    /// Takes in the length of an answer that was not cut.
    pub fn observe(&mut self, now: Millis, request: &Request, model: &ModelName, output_tokens: u32) {
        let tokens = f64::from(output_tokens);
        let expected = libm::exp(self.belief(request, self.known(request)).mean_ln);
        let factor = self.factor(model);
        if self.models.len() < MODELS_KEPT || self.models.contains_key(model) {
            self.models.entry(model.clone()).or_default().observe(now, tokens / expected.max(1.0));
        }
        let plain = tokens / factor;
        // What was asked for tells of no other request.
        if request.stated_tokens.is_none() {
            self.tasks.entry(request.task).or_default().observe(now, plain);
        }
        let Some(shape) = &request.shape else { return };
        if self.shapes.len() >= SHAPES_KEPT && !self.shapes.contains_key(shape) {
            let oldest =
                self.shapes.iter().min_by_key(|(_, known)| known.any.updated).map(|(shape, _)| shape.clone());
            oldest.map(|shape| self.shapes.remove(&shape));
        }
        let known = self.shapes.entry(shape.clone()).or_default();
        known.any.observe(now, plain);
        if known.models.len() < SHAPE_MODELS_KEPT || known.models.contains_key(model) {
            known.models.entry(model.clone()).or_default().observe(now, tokens);
        }
    }

    /// Adds every length to what is known.
    pub(crate) fn tell(&self, knowledge: &mut Knowledge) {
        for (shape, known) in &self.shapes {
            let mut lessons = Lessons::default();
            lessons.mean(LENGTH, known.any);
            for (model, mean) in &known.models {
                lessons.mean(&format!("{BY}{model}"), *mean);
            }
            knowledge.put(Subject::Shape { shape: shape.clone() }, lessons);
        }
        let tasks = self.tasks.iter().map(|(task, mean)| (Subject::Task { task: *task }, mean));
        let models = self.models.iter().map(|(model, mean)| (Subject::Model { model: model.clone() }, mean));
        for (subject, mean) in tasks.chain(models) {
            let mut lessons = Lessons::default();
            lessons.mean(LENGTH, *mean);
            knowledge.put(subject, lessons);
        }
    }

    /// Adds what others learned of a shape, a kind of work or a model since `before`.
    pub(crate) fn absorb(&mut self, subject: &Subject, before: Option<&Lessons>, lessons: &Lessons) {
        match subject {
            Subject::Shape { shape } => {
                if self.shapes.len() >= SHAPES_KEPT && !self.shapes.contains_key(shape) {
                    return;
                }
                let known = self.shapes.entry(shape.clone()).or_default();
                lessons.add_to(&mut known.any, LENGTH, before);
                for (name, _) in lessons.iter() {
                    let Some(model) = name.strip_prefix(BY).map(ModelName::from) else { continue };
                    if known.models.len() < SHAPE_MODELS_KEPT || known.models.contains_key(&model) {
                        lessons.add_to(known.models.entry(model).or_default(), name, before);
                    }
                }
            }
            Subject::Task { task } => {
                lessons.add_to(self.tasks.entry(*task).or_default(), LENGTH, before);
            }
            Subject::Model { model } => {
                if self.models.len() < MODELS_KEPT || self.models.contains_key(model) {
                    lessons.add_to(self.models.entry(model.clone()).or_default(), LENGTH, before);
                }
            }
            Subject::Host { .. }
            | Subject::Arm { .. }
            | Subject::Uses { .. }
            | Subject::Habit { .. }
            | Subject::Quality { .. }
            | Subject::Embedder => {}
        }
    }

    /// What is believed of the answer, for each model that may write it.
    pub(crate) fn expectation(&self, request: &Request) -> Expectation<'_> {
        let known = self.known(request);
        let length = self.belief(request, known);
        Expectation { length, uncapped: length.uncapped(), models: known.map(|known| &known.models) }
    }

    /// What its shape's answers told.
    fn known(&self, request: &Request) -> Option<&ShapeLengths> {
        self.shapes.get(request.shape.as_ref()?)
    }

    /// What is believed of the answer, whichever model writes it; `known` is what its shape's answers told.
    fn belief(&self, request: &Request, known: Option<&ShapeLengths>) -> Length {
        let cap = request.max_tokens.map_or(f64::MAX, f64::from);
        let prior = prior_tokens(request.task);
        if prior == 0.0 {
            return Length::default();
        }
        let none = LogMean::default();
        let task = self.tasks.get(&request.task).unwrap_or(&none);
        let shape = known.map_or(&none, |known| &known.any);
        let (wider_ln, wider_spread) = match request.stated_tokens {
            Some(tokens) => (libm::log(f64::from(tokens.max(1))), STATED_SPREAD),
            None => (task.estimate_ln(libm::log(prior), POOL_WEIGHT), task.spread(PRIOR_SPREAD, POOL_WEIGHT)),
        };
        let mean_ln = shape.estimate_ln(wider_ln, SHAPE_WEIGHT);
        let spread = shape.spread(wider_spread, POOL_WEIGHT);
        Length { mean_ln, sigma: spread.sqrt(), cap }
    }

    /// How much longer than others this model answers.
    pub(crate) fn factor(&self, model: &ModelName) -> f64 {
        self.models.get(model).map_or(1.0, |mean| mean.estimate(1.0, 2.0 * POOL_WEIGHT).between(0.2, 5.0))
    }

    /// Expected tokens of the answer, capped by the caller's own limit.
    pub fn expected_tokens(&self, request: &Request) -> f64 {
        self.belief(request, self.known(request)).mean()
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
    fn the_tail_of_the_normal_is_that_of_the_error_function() {
        for step in -60..=47 {
            let z = f64::from(step) / 10.0;
            let exact = 0.5 * libm::erfc(z * core::f64::consts::FRAC_1_SQRT_2);
            assert!((upper_tail(z) - exact).abs() <= (2e-3 * exact).min(1e-7), "{z}");
        }
    }

    #[test]
    fn a_shape_says_more_than_its_task() {
        let mut lengths = Lengths::default();
        let mut long = Request::new(Task::General, 100);
        long.shape = Some("report".into());
        let mut short = long.clone();
        short.shape = Some("yes-no".into());
        for at in 0..20 {
            lengths.observe(Millis(at), &long, &"m".into(), 900);
            lengths.observe(Millis(at), &short, &"m".into(), 2);
        }
        let (long_tokens, short_tokens) = (lengths.expected_tokens(&long), lengths.expected_tokens(&short));
        assert!(long_tokens > 400.0 && short_tokens < 6.0, "{long_tokens} {short_tokens}");
        short.max_tokens = Some(1);
        assert!(lengths.expected_tokens(&short) <= 1.0);
    }

    #[test]
    fn what_the_text_asks_for_holds_until_its_shape_is_known() {
        let mut lengths = Lengths::default();
        let told = Request {
            shape: Some("s".into()),
            stated_tokens: Some(25),
            ..Request::new(Task::Summarize, 100)
        };
        let untold = Request { stated_tokens: None, ..told.clone() };
        assert!(lengths.expected_tokens(&told) < 35.0 && lengths.expected_tokens(&untold) > 120.0);
        for at in 0..20 {
            lengths.observe(Millis(at), &told, &"m".into(), 200);
        }
        let answer = lengths.expected_tokens(&told) * lengths.factor(&"m".into());
        assert!(answer > 150.0, "{answer}");
        let other = Request { shape: None, ..untold };
        assert!(lengths.tasks.is_empty() && lengths.expected_tokens(&other) > 120.0);
    }

    #[test]
    fn a_model_that_writes_twice_as_much_is_known_for_it() {
        let mut lengths = Lengths::default();
        let request = Request { shape: Some("s".into()), ..Request::new(Task::General, 100) };
        for at in 0..30 {
            lengths.observe(Millis(at), &request, &"terse".into(), 100);
            lengths.observe(Millis(at), &request, &"wordy".into(), 200);
        }
        let ratio = lengths.factor(&"wordy".into()) / lengths.factor(&"terse".into());
        assert!((1.5..2.5).contains(&ratio), "{ratio}");
    }

    #[test]
    fn the_longer_an_answer_has_run_the_more_is_still_to_come_of_a_heavy_tail() {
        let length = Length { mean_ln: libm::log(100.0), sigma: 1.0, cap: 10_000.0 };
        assert!((length.mean() - 164.9).abs() < 0.1);
        assert!(length.rest(10.0) < 160.0 && length.rest(400.0) > length.rest(100.0));
        assert!(length.rest(1e9) >= 1.0 && length.rest(1e9).is_finite());
        let narrow = Length { sigma: 0.05, ..length };
        assert!(narrow.rest(90.0) < 15.0, "{}", narrow.rest(90.0));
        assert!(Length { cap: 120.0, ..length }.rest(100.0) <= 20.0);
    }

    #[test]
    fn a_model_that_runs_on_with_one_shape_is_known_for_it_with_that_shape() {
        let mut lengths = Lengths::default();
        let [label, list] = ["label", "list"]
            .map(|shape| Request { shape: Some(shape.into()), ..Request::new(Task::General, 100) });
        let (large, small) = (ModelName::from("large"), ModelName::from("small"));
        for at in 0..20 {
            lengths.observe(Millis(at), &label, &large, 2);
            lengths.observe(Millis(at), &label, &small, 32);
            lengths.observe(Millis(at), &list, &large, 40);
            lengths.observe(Millis(at), &list, &small, 40);
        }
        let tokens = |request: &Request, model: &ModelName| {
            lengths.expectation(request).tokens_by(model, Wordiness::new(lengths.factor(model)))
        };
        assert!(tokens(&label, &large) < 4.0, "{}", tokens(&label, &large));
        assert!(tokens(&label, &small) > 24.0, "{}", tokens(&label, &small));
        assert!((30.0..50.0).contains(&tokens(&list, &large)), "{}", tokens(&list, &large));
        let capped = Request { max_tokens: Some(10), ..label };
        assert!(tokens(&capped, &small) <= 10.0);
    }

    #[test]
    fn remembered_shapes_are_bounded() {
        let mut lengths = Lengths::default();
        for index in 0..(SHAPES_KEPT as u64 + 50) {
            let mut request = Request::new(Task::Chat, 10);
            request.shape = Some(format!("shape-{index}").into());
            lengths.observe(Millis(index), &request, &"m".into(), 10);
        }
        assert_eq!(lengths.shapes.len(), SHAPES_KEPT);
        assert!(!lengths.shapes.contains_key(&Shape::from("shape-0")));
    }
}
