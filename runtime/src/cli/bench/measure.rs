//! The measurement of one arm: unloaded, loaded, then a long prompt and a long answer.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use smart_ai_core::wire::{Answer, Ask, Endpoint, Reply, read_ps};
use smart_ai_core::{ConfigError, ModelName, Object, Task};

use super::{BenchArgs, Row};
use crate::driver::{AskOptions, Engine};
use crate::http::{ONE_LOOK, Server, connection_failure, look, refused};

/// How often an unloaded model is looked for, and for how long.
const UNLOAD_LOOKS: u32 = 200;
const UNLOAD_PAUSE: Duration = Duration::from_millis(50);
/// An answer shorter than this tells no speed.
const TELLING_TOKENS: u32 = 8;
/// Short common words: about one token each in every vocabulary.
const WORDS: [&str; 8] = ["river", "stone", "light", "table", "green", "house", "water", "music"];

/// One arm under measurement.
pub(super) struct Bench<'a> {
    engine: &'a Engine,
    endpoint: &'a Endpoint,
    model: &'a ModelName,
    server: Server,
}

impl<'a> Bench<'a> {
    pub(super) fn new(
        engine: &'a Engine,
        endpoint: &'a Endpoint,
        model: &'a ModelName,
        connect_timeout_ms: u32,
    ) -> Result<Self, ConfigError> {
        Ok(Self { engine, endpoint, model, server: Server::new(endpoint, connect_timeout_ms)? })
    }

    /// Measures again and again; leaves the model loaded only if it was.
    pub(super) async fn row(&self, arguments: &BenchArgs, was_resident: bool) -> Row {
        let (mut loads, mut prefills, mut decodes) = (Vec::new(), Vec::new(), Vec::new());
        let mut error = None;
        for repeat in 0..arguments.repeats {
            match self.once(arguments, repeat, &mut loads, &mut prefills, &mut decodes).await {
                Ok(()) => {}
                Err(why) => {
                    error = Some(why);
                    break;
                }
            }
        }
        if !was_resident {
            // The measurement is done; a model that stays is unloaded by the host itself some time.
            drop(self.unload().await);
        }
        Row {
            host: self.endpoint.id.clone(),
            model: self.model.clone(),
            load_s: median(loads),
            prefill_tok_per_s: median(prefills),
            decode_tok_per_s: median(decodes),
            error,
        }
    }

    async fn once(
        &self,
        arguments: &BenchArgs,
        repeat: u32,
        loads: &mut Vec<f64>,
        prefills: &mut Vec<f64>,
        decodes: &mut Vec<f64>,
    ) -> Result<(), String> {
        self.unload().await?;
        loads.push(self.load().await?);
        // The long prompt first: after a load no cache knows any of it.
        let read = self.ask(prompt(arguments.prompt_tokens, repeat), 1).await?;
        let counting = format!("Count upwards from {repeat}, one number a line, without an end.");
        let long = self.ask(counting, arguments.output_tokens).await?;
        let written = long.usage.output_tokens;
        if written < TELLING_TOKENS {
            return Err(format!("answered with {written} tokens only, which tells no speed"));
        }
        let decode = f64::from(written - 1) / ((long.ms.total - long.ms.first_token) / 1e3).max(1e-3);
        decodes.push(decode);
        // Until the first piece the server reads the prompt and writes one token.
        let reading_s = (read.ms.first_token - read.ms.queue - read.ms.load) / 1e3 - 1.0 / decode;
        prefills.push(f64::from(read.usage.prompt_tokens) / reading_s.max(1e-3));
        Ok(())
    }

    /// Through the engine, so that it learns what every ask teaches.
    async fn ask(&self, prompt: String, max_tokens: u32) -> Result<Answer, String> {
        let ask = Ask {
            prompt: Some(prompt),
            task: Some(Task::General),
            model: Some(self.model.clone()),
            host: Some(self.endpoint.id.clone()),
            max_tokens: Some(max_tokens),
            options: Some(Object::from_iter([("temperature".to_owned(), 0.into())])),
            ..Ask::default()
        };
        let answer = self.engine.ask(ask, AskOptions::default()).await;
        match answer.error {
            Some(error) => Err(error.message),
            None => Ok(answer),
        }
    }

    /// Until the host lists the model as loaded no more.
    async fn unload(&self) -> Result<(), String> {
        self.generate(&json!({"model": self.model, "keep_alive": 0, "stream": false})).await?;
        for _ in 0..UNLOAD_LOOKS {
            let resident = match look(self.server.get("/api/ps"), ONE_LOOK).await {
                Reply::Answered { body, date, .. } => {
                    read_ps(&body, date.as_deref()).map_err(|failure| failure.detail)?
                }
                Reply::Lost { message, .. } => return Err(message),
            };
            if !resident.iter().any(|loaded| loaded.name == self.model.as_str()) {
                return Ok(());
            }
            tokio::time::sleep(UNLOAD_PAUSE).await;
        }
        Err("stays loaded: someone else is using it".to_owned())
    }

    /// Seconds until the model is loaded.
    async fn load(&self) -> Result<f64, String> {
        let began = Instant::now();
        self.generate(&json!({"model": self.model, "stream": false})).await?;
        Ok(began.elapsed().as_secs_f64())
    }

    /// A request without a prompt only loads or unloads; it takes as long as that takes.
    async fn generate(&self, body: &Value) -> Result<(), String> {
        let response = self.server.post("/api/generate", body.to_string()).send().await;
        let response = response.map_err(|error| connection_failure(&error).detail)?;
        if !response.status().is_success() {
            return Err(refused(response).await.detail);
        }
        response.bytes().await.map_err(|error| connection_failure(&error).detail)?;
        Ok(())
    }
}

/// A text of about this many tokens. It begins differently each time, so that no cache knows it.
fn prompt(tokens: u32, repeat: u32) -> String {
    let word = |index: u32| WORDS.get((index + repeat) as usize % WORDS.len()).copied().unwrap_or_default();
    let words: Vec<&str> = (0..tokens.saturating_sub(8)).map(word).collect();
    format!("{} {repeat}: {}", word(repeat), words.join(" "))
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}
