//! What a model will answer to a request, decided before it works: tokens, truncation, the reason it ends.

use serde_json::{Value, json};

use super::generation::{Script, Token};
use super::reply::ApiError;
use super::request::{CompletionRequest, Message, Options};
use crate::catalog::Model;
use crate::random::Random;
use crate::text::{count_tokens, is_schema, lorem, object_of, stop_at, tokens, value_of};

/// Tokens that a chat template puts around each message.
const TEMPLATE_TOKENS: u64 = 4;
/// Tokens of an image.
const IMAGE_TOKENS: u64 = 768;

/// The host's part in a script.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setting {
    pub(crate) seed: u64,
    pub(crate) since_0_30: bool,
    pub(crate) thinks: bool,
}

/// Writes the script, or finds that the request cannot be answered.
pub(crate) fn write(
    model: &Model,
    request: &CompletionRequest,
    options: &Options,
    setting: Setting,
) -> Result<Script, ApiError> {
    let context = options.load.num_ctx.min(model.config.context_length);
    let prompt_tokens = prompt_tokens(request, context, setting)?;
    let said = last_words(request);
    let mut random = Random::from_parts(setting.seed ^ options.seed.cast_unsigned(), &[&model.short, said]);
    let mut script: Vec<Token> = Vec::new();
    if setting.thinks {
        script.extend(lorem(&mut random, model.config.thinking_tokens).into_iter().map(Token::Thinking));
    }
    let formatted = is_format(request.format.as_ref());
    let uncounted = if formatted { script.len() as u64 } else { 0 };
    let mut stopped = true;
    if let Some(call) = tool_call(request, &mut random) {
        script.push(Token::ToolCall(call));
    } else {
        let mut answer = answer(model, request, said, &mut random)?;
        if !formatted {
            stop_at(&mut answer, &options.stop);
        }
        script.extend(answer.into_iter().map(Token::Text));
    }
    let mut limit = if options.num_predict > 0 { options.num_predict.unsigned_abs() } else { u64::MAX };
    limit = limit.min(10 * options.load.num_ctx);
    if request.shift == Some(false) {
        limit = limit.min(context.saturating_sub(prompt_tokens).max(1));
    }
    if script.len() as u64 >= limit {
        script.truncate(limit as usize);
        stopped = false;
    }
    Ok(Script {
        tokens: script,
        done_reason: if stopped { "stop" } else { "length" },
        prompt: prompt(request),
        prompt_tokens,
        uncounted,
    })
}

/// The text that the model reads, about as its template puts it.
fn prompt(request: &CompletionRequest) -> String {
    let messages = request.messages.iter().flatten();
    let turns = messages.flat_map(|message| [message.role.as_deref(), message.content.as_deref()]);
    let texts = [request.system.as_deref(), request.prompt.as_deref()];
    texts.into_iter().chain(turns).flatten().flat_map(|text| [text, "\n"]).collect()
}

/// Whether a format constrains the answer.
fn is_format(format: Option<&Value>) -> bool {
    format.is_some_and(|format| !format.is_null() && format != "")
}

fn last_words(request: &CompletionRequest) -> &str {
    let user =
        |message: &&Message| message.role.as_deref().is_some_and(|role| role.eq_ignore_ascii_case("user"));
    let messages = request.messages.as_deref().unwrap_or_default();
    let message = messages.iter().rev().find(user).or(messages.last());
    message.and_then(|message| message.content.as_deref()).or(request.prompt.as_deref()).unwrap_or_default()
}

fn message_tokens(message: &Message) -> u64 {
    let images = message.images.as_ref().map_or(0, |images| images.len() as u64 * IMAGE_TOKENS);
    count_tokens(message.content.as_deref().unwrap_or_default()) + TEMPLATE_TOKENS + images
}

/// Tokens of the prompt after Ollama's truncation: a chat loses its oldest messages (never system, never the last), and what is
/// still too long is cut in the middle.
fn prompt_tokens(request: &CompletionRequest, context: u64, setting: Setting) -> Result<u64, ApiError> {
    let truncates = request.truncate != Some(false);
    let mut total = if let Some(messages) = &request.messages {
        let tools = request.tools.iter().flatten().map(|tool| tool.to_string().len() as u64 / 4).sum::<u64>();
        let mut total: u64 = messages.iter().map(message_tokens).sum::<u64>() + tools + 3;
        let (_, earlier) = messages.split_last().unwrap_or((&EMPTY, &[]));
        for message in earlier.iter().filter(|message| message.role.as_deref() != Some("system")) {
            if !truncates || total <= context {
                break;
            }
            total -= message_tokens(message);
        }
        total
    } else {
        let texts = [&request.prompt, &request.system, &request.suffix];
        let text: u64 = texts.into_iter().flatten().map(|text| count_tokens(text)).sum();
        let images = request.images.as_ref().map_or(0, |images| images.len() as u64 * IMAGE_TOKENS);
        let template = if request.raw == Some(true) { 0 } else { TEMPLATE_TOKENS + 3 };
        text + images + template + request.context.as_ref().map_or(0, |context| context.len() as u64)
    };
    if total > context {
        if setting.since_0_30 && request.messages.is_some() {
            let message = format!(
                "request ({total} tokens) exceeds the available context size ({context} tokens), try increasing it"
            );
            let inner = json!({"error": {"code": 400, "message": message, "type": "exceed_context_size_error",
                "n_prompt_tokens": total, "n_ctx": context}});
            return Err(ApiError::bad_request(inner.to_string()));
        }
        if !truncates {
            return Err(ApiError::bad_request("the input length exceeds the context length"));
        }
        total = context;
    }
    Ok(total)
}

const EMPTY: Message = Message { role: None, content: None, images: None };

fn answer(
    model: &Model,
    request: &CompletionRequest,
    said: &str,
    random: &mut Random,
) -> Result<Vec<String>, ApiError> {
    let fixed = if model.config.echo { Some(said) } else { model.config.answer.as_deref() };
    if let Some(format) = request.format.as_ref().filter(|format| is_format(Some(format))) {
        let is_json = |text: &&str| serde_json::from_str::<Value>(text).is_ok();
        if let Some(fixed) = fixed.filter(is_json) {
            return Ok(tokens(fixed));
        }
        let value = match format {
            Value::String(name) if name == "json" => object_of(random),
            Value::Object(_) if is_schema(format) => value_of(format, random),
            Value::Object(_) => return Err(ApiError::internal("invalid JSON schema in format")),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                let expected = "expected \"json\" or a valid JSON Schema object";
                return Err(ApiError::internal(format!(
                    "invalid format: {:?}; {expected}",
                    format.to_string()
                )));
            }
        };
        return Ok(tokens(&value.to_string()));
    }
    Ok(if let Some(fixed) = fixed {
        tokens(fixed)
    } else {
        let length = model.config.output_tokens.unwrap_or_else(|| 8 + random.below(32));
        lorem(random, length)
    })
}

/// A call of the first tool, unless the chat's last message is a tool's result.
fn tool_call(request: &CompletionRequest, random: &mut Random) -> Option<Value> {
    let answered = request.messages.as_ref()?.last()?.role.as_deref() == Some("tool");
    let function = request.tools.as_ref()?.first()?.get("function")?;
    if answered {
        return None;
    }
    let parameters = function.get("parameters").cloned().unwrap_or_else(|| json!({"type": "object"}));
    let arguments = value_of(&parameters, random);
    let id = format!("call_{:08x}", random.next() as u32);
    Some(json!({"id": id, "function": {"index": 0, "name": function.get("name")?, "arguments": arguments}}))
}
