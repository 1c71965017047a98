//! How good a model's answers are, 0 to 1, and what a better one is worth, in seconds.

use crate::config::Config;
use crate::fleet::Model;
use crate::learn::Qualities;
use crate::names::Millis;
use crate::number::Between as _;
use crate::request::{ByTask, Mode, Request, Task};
use serde::Deserialize;

/// Published results of families that are well known: see `docs/quality.md`.
const PUBLISHED: &str = include_str!("quality.json");
/// Parameters at which a model of an unknown family has a quality of 0.5.
const HALF_QUALITY_PARAMETERS: f64 = 0.8e9;
/// How much published results count against size alone: vendors measure their own models, each in their own way.
const PUBLISHED_SHARE: f64 = 0.5;
/// MMLU, `IFEval`, GSM8K and `HumanEval`.
const BENCHMARKS: usize = 4;

/// What is published of one family.
#[derive(Clone, Debug, Deserialize)]
struct Family {
    family: String,
    /// Billions of parameters, then percent right in each benchmark; 0 where none is published.
    sizes: Vec<Vec<f64>>,
}

/// What is believed of models before any feedback.
#[derive(Clone, Debug)]
pub(crate) struct Priors(Vec<Family>);

impl Priors {
    pub(crate) fn new() -> Self {
        Self(serde_json::from_str(PUBLISHED).unwrap_or_default())
    }

    /// Quality for each task: half by size, half by the benchmarks that are like it, of the size of its family that is nearest.
    fn of(&self, name: &str, parameters: f64) -> ByTask {
        let plain = plain(name);
        let known = self.0.iter().filter(|known| plain.contains(&known.family));
        let family = known.max_by_key(|known| known.family.len());
        let general = by_size(parameters);
        let mut results = [general; BENCHMARKS];
        for (place, result) in (1..).zip(&mut results) {
            let mut nearest = f64::INFINITY;
            for size in family.iter().flat_map(|family| &family.sizes) {
                let (Some(billions), Some(percent)) = (size.first(), size.get(place)) else { continue };
                let off = libm::fabs(libm::log(billions * 1e9 / parameters.max(1.0)));
                if *percent > 0.0 && off < nearest {
                    nearest = off;
                    *result = (percent / 100.0 + general - by_size(billions * 1e9)).between(0.01, 0.99);
                }
            }
        }
        Task::ALL.map(|task| {
            if task == Task::Embed {
                return general;
            }
            let published: f64 = mix(task).iter().zip(&results).map(|(share, result)| share * result).sum();
            PUBLISHED_SHARE * published + (1.0 - PUBLISHED_SHARE) * general
        })
    }
}

/// What is believed of this model now: the owner's word or the prior, moved by feedback.
pub(crate) fn qualities(
    priors: &Priors,
    learned: &Qualities,
    config: &Config,
    model: &Model,
    now: Millis,
) -> ByTask {
    let stated = config.quality.models.get(&model.name);
    let mut by_task = match stated {
        Some(quality) => [*quality; Task::ALL.len()],
        None => priors.of(model.name.as_str(), model.parameters()),
    };
    for (task, quality) in Task::ALL.into_iter().zip(&mut by_task) {
        *quality = learned.estimate(now, &model.name, task, *quality);
    }
    by_task
}

/// How much of each benchmark is in a task.
fn mix(task: Task) -> [f64; BENCHMARKS] {
    match task {
        Task::General | Task::Vision | Task::Embed => [0.5, 0.3, 0.2, 0.0],
        Task::Summarize => [0.5, 0.5, 0.0, 0.0],
        Task::Analyze => [0.4, 0.1, 0.5, 0.0],
        Task::Extract => [0.3, 0.7, 0.0, 0.0],
        Task::Classify => [0.6, 0.4, 0.0, 0.0],
        Task::Code => [0.0, 0.2, 0.0, 0.8],
        Task::Chat => [0.4, 0.4, 0.2, 0.0],
    }
}

/// Quality by size alone: √p ÷ (√p + √0.8 G).
fn by_size(parameters: f64) -> f64 {
    let root = parameters.max(1.0).sqrt();
    root / (root + HALF_QUALITY_PARAMETERS.sqrt())
}

/// A name as families are written: what comes after the last slash and before the tag, without dashes.
fn plain(name: &str) -> String {
    let last = name.rsplit_once('/').map_or(name, |(_, last)| last);
    let last = last.split(':').next().unwrap_or(last);
    last.chars()
        .filter(|letter| !matches!(letter, '-' | '_'))
        .map(|letter| letter.to_ascii_lowercase())
        .collect()
}

/// What quality is worth to one request. An answer of no quality at all costs `seconds` and `times` the work of its quickest arm, so
/// that long answers can afford a better model as well as short ones.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct QualityPrice {
    seconds: f64,
    times: f64,
}

impl QualityPrice {
    /// price(mode) × weight(task); zero if the caller has said which models are good enough.
    pub(crate) fn of(request: &Request) -> Self {
        if request.model.is_some() || request.models.is_some() {
            return Self { seconds: 0.0, times: 0.0 };
        }
        Self::by(request.mode, request.task)
    }

    fn by(mode: Mode, task: Task) -> Self {
        let (seconds, times) = match mode {
            Mode::Fast => (1.0, 0.5),
            Mode::Balanced => (15.0, 5.0),
            Mode::Best => (300.0, 50.0),
        };
        let weight = match task {
            Task::Classify | Task::Embed => 0.4,
            Task::Extract => 0.6,
            Task::Summarize => 0.8,
            Task::General | Task::Chat | Task::Vision => 1.0,
            Task::Analyze | Task::Code => 1.5,
        };
        Self { seconds: seconds * weight, times: times * weight }
    }

    /// Seconds that an answer of no quality at all costs, where the quickest arm works `quickest_s` on it.
    pub(crate) fn in_seconds(self, quickest_s: f64) -> f64 {
        self.seconds + self.times * quickest_s
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str, billions: f64, task: Task) -> f64 {
        let place = Task::ALL.iter().position(|known| *known == task).unwrap_or(0);
        Priors::new().of(name, billions * 1e9).get(place).copied().unwrap_or(f64::NAN)
    }

    #[test]
    fn a_larger_model_costs_less_quality_and_best_pays_more_for_it() {
        let price = |mode, quickest_s, parameters| {
            QualityPrice::by(mode, Task::General).in_seconds(quickest_s) * (1.0 - by_size(parameters))
        };
        let gain = |mode, quickest_s| price(mode, quickest_s, 3e9) - price(mode, quickest_s, 7e9);
        assert!(gain(Mode::Fast, 0.0) > 0.0 && gain(Mode::Fast, 0.0) < 0.2);
        assert!(gain(Mode::Balanced, 0.0) > 1.0 && gain(Mode::Balanced, 0.0) < 3.0);
        assert!(gain(Mode::Best, 0.0) > 20.0);
        assert!(gain(Mode::Fast, 60.0) < 6.0, "hardly a tenth longer");
        assert!(gain(Mode::Balanced, 60.0) < 30.0, "not half as long again as the small one takes");
        assert!(gain(Mode::Best, 60.0) > 240.0, "several times as long");
    }

    #[test]
    fn the_table_is_read_and_its_shares_are_whole() {
        assert_eq!(Priors::new().0.len(), 9);
        for task in Task::ALL {
            let sum: f64 = mix(task).iter().sum();
            assert!((sum - 1.0).abs() < 1e-9, "{task:?}");
        }
    }

    #[test]
    fn a_published_result_counts_whatever_the_name_is_dressed_in() {
        let code = 0.5 * (0.8 * 0.848 + 0.2 * 0.712) + 0.5 * by_size(7.62e9);
        for name in ["qwen2.5:7b", "hf.co/bartowski/Qwen2.5-7B-Instruct-GGUF:Q4_K_M", "qwen2.5-coder"] {
            assert!((of(name, 7.62, Task::Code) - code).abs() < 1e-9, "{name}");
        }
        assert!(of("qwen2:7b", 7.62, Task::Extract) < of("qwen2.5:7b", 7.62, Task::Extract));
    }

    #[test]
    fn families_differ_by_task_and_sizes_between_are_carried_over() {
        let (gemma, qwen) = (|task| of("gemma3:1b", 1.0, task), |task| of("qwen2.5:1.5b", 1.54, task));
        assert!(gemma(Task::Extract) > qwen(Task::Extract) && gemma(Task::Code) < qwen(Task::Code));
        let (less, more) = (of("llama3.2", 1.24, Task::Chat), of("llama3.2", 3.21, Task::Chat));
        let between = of("llama3.2", 1.6, Task::Chat);
        assert!(less < between && between < more, "{less} {between} {more}");
    }

    #[test]
    fn an_unknown_family_goes_by_its_size() {
        assert!((of("mystery", 7.0, Task::Chat) - by_size(7e9)).abs() < 1e-9);
        assert!(of("mystery", 0.0, Task::Chat) < 0.01 && of("mystery", 1e9, Task::Chat) <= 1.0);
    }
}
