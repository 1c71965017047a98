//! `smart-ai rate`: what a person says of an answer.

use std::io;

use clap::Args;
use serde_json::json;

use super::{DONE, FAILED, complain, print_json};
use crate::store::{HistoryConfig, Reader};

#[derive(Args, Debug)]
pub(super) struct RateArgs {
    /// The job, as `smart-ai history` names it
    job: String,
    /// From 0 (useless) to 1 (as good as can be); `up` is 1, `down` is 0
    #[arg(value_parser = score)]
    score: f64,
    /// What was taken in as one JSON line
    #[arg(long)]
    json: bool,
}

fn score(text: &str) -> Result<f64, String> {
    let score = match text {
        "up" => Some(1.0),
        "down" => Some(0.0),
        number => number.parse().ok().filter(|score| (0.0..=1.0).contains(score)),
    };
    score.ok_or_else(|| "must be 0 to 1, up or down".to_owned())
}

pub(super) async fn run(history: &HistoryConfig, arguments: &RateArgs) -> io::Result<u8> {
    let rated = match Reader::open(history).await {
        Ok(reader) => reader.rate(&arguments.job, arguments.score).await,
        Err(error) => Err(error),
    };
    match rated {
        Ok(Some(rated)) => {
            if arguments.json {
                let (job, model, task) = (rated.job, rated.model, rated.task);
                print_json(&json!({ "job": job, "model": model, "task": task, "score": arguments.score }))?;
            }
            Ok(DONE)
        }
        Ok(None) => {
            let message = format!(
                "the history knows no answer to a job {}; smart-ai history lists them",
                arguments.job
            );
            Ok(complain(&message, FAILED))
        }
        Err(error) => Ok(complain(&error.to_string(), FAILED)),
    }
}
