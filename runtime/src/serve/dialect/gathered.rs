//! A stream of events gathered into the one object that `"stream": false` asks for, in the words of each API.

use serde_json::{Map, Value, json};

/// Texts of a message that come in parts.
const TEXTS: [&str; 4] = ["content", "reasoning", "reasoning_content", "refusal"];

/// An answer that comes in events.
#[derive(Debug)]
pub(super) enum Gathered {
    /// `OpenAI`'s chats and completions: chunks with choices.
    Completion(Map<String, Value>),
    /// `OpenAI`'s responses: the last event holds the whole.
    Response(Value),
    /// Anthropic's messages: blocks that begin, grow and end.
    Message { message: Map<String, Value>, blocks: Vec<Block> },
}

/// One block of a message, and the text of its input so far.
#[derive(Debug)]
pub(super) struct Block {
    content: Map<String, Value>,
    input: String,
}

impl Gathered {
    pub(super) fn completion() -> Self {
        Self::Completion(Map::new())
    }

    pub(super) fn response() -> Self {
        Self::Response(Value::Null)
    }

    pub(super) fn message() -> Self {
        Self::Message { message: Map::new(), blocks: Vec::new() }
    }

    /// Takes in what one event says.
    pub(super) fn add(&mut self, event: Value) {
        let Value::Object(event) = event else { return };
        match self {
            Self::Completion(whole) => add_chunk(whole, event),
            Self::Response(whole) => {
                if let Some(response) =
                    event.into_iter().find_map(|(key, value)| (key == "response").then_some(value))
                {
                    *whole = response;
                }
            }
            Self::Message { message, blocks } => add_to_message(message, blocks, event),
        }
    }

    /// Whether nothing of an answer came.
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::Completion(whole) => whole.is_empty(),
            Self::Response(whole) => !whole.is_object(),
            Self::Message { message, .. } => message.is_empty(),
        }
    }

    /// The whole; `None` where nothing came.
    pub(super) fn whole(self) -> Option<Value> {
        let whole = match self {
            Self::Completion(whole) => whole,
            Self::Response(Value::Object(mut response)) => {
                let is_empty = |output: &Value| output.as_array().is_none_or(Vec::is_empty);
                // Asked whole, Ollama gives a message without words, too.
                if response.get("output").is_none_or(is_empty) {
                    response.insert("output".to_owned(), json!([empty_message(response.get("id"))]));
                }
                response
            }
            Self::Response(_) => Map::new(),
            Self::Message { mut message, blocks } => {
                let blocks: Vec<Value> = blocks.into_iter().map(Block::whole).collect();
                if !message.is_empty() {
                    message.insert("content".to_owned(), Value::Array(blocks));
                }
                message
            }
        };
        (!whole.is_empty()).then_some(Value::Object(whole))
    }
}

fn empty_message(id: Option<&Value>) -> Value {
    let text = json!({"type": "output_text", "text": "", "annotations": [], "logprobs": []});
    json!({
        "id": format!("msg_{}", id.and_then(Value::as_str).unwrap_or_default()),
        "type": "message", "status": "completed", "role": "assistant", "content": [text],
    })
}

fn add_chunk(whole: &mut Map<String, Value>, chunk: Map<String, Value>) {
    for (key, value) in chunk {
        match (key.as_str(), value) {
            ("choices", Value::Array(choices)) => {
                let all = whole.entry(key).or_insert_with(|| json!([]));
                let Some(all) = all.as_array_mut() else { continue };
                for choice in choices {
                    add_choice(all, choice);
                }
            }
            ("object", Value::String(object)) => {
                drop(whole.insert(key, object.trim_end_matches(".chunk").into()));
            }
            (_, Value::Null) => {}
            (_, value) => drop(whole.insert(key, value)),
        }
    }
}

fn add_choice(all: &mut Vec<Value>, part: Value) {
    let Value::Object(part) = part else { return };
    let index = part.get("index").cloned().unwrap_or_else(|| 0.into());
    let is_same = |choice: &Value| choice.get("index") == Some(&index);
    let place = all.iter().position(is_same).unwrap_or_else(|| {
        all.push(if part.contains_key("delta") {
            json!({"index": index, "message": {"role": "assistant", "content": ""}, "finish_reason": null})
        } else {
            json!({"text": "", "index": index, "finish_reason": null})
        });
        all.len() - 1
    });
    let Some(choice) = all.get_mut(place).and_then(Value::as_object_mut) else { return };
    for (key, value) in part {
        match (key.as_str(), value) {
            ("delta", Value::Object(delta)) => {
                if let Some(message) = choice.get_mut("message").and_then(Value::as_object_mut) {
                    add_delta(message, delta);
                }
            }
            ("text", Value::String(text)) => join(choice, key, &text),
            ("logprobs", Value::Object(logprobs)) => {
                let all = choice.entry(key).or_insert_with(|| json!({}));
                if let Some(all) = all.as_object_mut() {
                    extend(all, logprobs);
                }
            }
            (_, Value::Null) => {}
            (_, value) => drop(choice.insert(key, value)),
        }
    }
}

fn add_delta(message: &mut Map<String, Value>, delta: Map<String, Value>) {
    for (key, value) in delta {
        match (key.as_str(), value) {
            (_, Value::String(text)) if TEXTS.contains(&key.as_str()) => join(message, key, &text),
            // A message that only calls tools has no content, where the host says so.
            ("content", Value::Null) if message.get("content").is_some_and(|content| content == "") => {
                message.insert(key, Value::Null);
            }
            (_, Value::Null) => {}
            ("tool_calls", Value::Array(calls)) => {
                let all = message.entry(key).or_insert_with(|| json!([]));
                let Some(all) = all.as_array_mut() else { continue };
                for call in calls {
                    add_call(all, call);
                }
            }
            (_, value) => drop(message.insert(key, value)),
        }
    }
}

/// A call with a new id begins; one without goes on with the arguments of the call of its index, and so does one that says the id again.
fn add_call(all: &mut Vec<Value>, part: Value) {
    let id = part.get("id").and_then(Value::as_str).filter(|id| !id.is_empty());
    let goes_on = |call: &&mut Value| {
        call.get("index") == part.get("index")
            && (id.is_none() || call.get("id").and_then(Value::as_str) == id)
    };
    let begun = all.iter_mut().rev().find(goes_on);
    let Some(begun) = begun.and_then(|call| call.get_mut("function")).and_then(Value::as_object_mut) else {
        return all.push(part);
    };
    if let Some(arguments) = part.get("function").and_then(|function| function.get("arguments")?.as_str()) {
        join(begun, "arguments".to_owned(), arguments);
    }
}

/// Lists grow, anything else is replaced.
fn extend(all: &mut Map<String, Value>, more: Map<String, Value>) {
    for (key, value) in more {
        match (all.get_mut(&key), value) {
            (Some(Value::Array(list)), Value::Array(more)) => list.extend(more),
            (_, value) => drop(all.insert(key, value)),
        }
    }
}

fn join(object: &mut Map<String, Value>, key: String, text: &str) {
    match object.get_mut(&key) {
        Some(Value::String(so_far)) => so_far.push_str(text),
        Some(_) | None => drop(object.insert(key, text.into())),
    }
}

fn add_to_message(message: &mut Map<String, Value>, blocks: &mut Vec<Block>, mut event: Map<String, Value>) {
    let index = event.get("index").and_then(Value::as_u64).and_then(|index| usize::try_from(index).ok());
    let kind = event.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut object = |key: &str| match event.remove(key) {
        Some(Value::Object(object)) => object,
        Some(_) | None => Map::new(),
    };
    match kind.as_str() {
        "message_start" => *message = object("message"),
        "content_block_start" => {
            blocks.push(Block { content: object("content_block"), input: String::new() });
        }
        "content_block_delta" => {
            if let Some(block) = index.and_then(|index| blocks.get_mut(index)) {
                block.add(&object("delta"));
            }
        }
        "message_delta" => {
            let told = object("delta").into_iter().filter(|(_, value)| !value.is_null());
            message.extend(told);
            let counts = object("usage");
            match message.get_mut("usage").and_then(Value::as_object_mut) {
                Some(usage) => usage.extend(counts),
                None => drop(message.insert("usage".to_owned(), Value::Object(counts))),
            }
        }
        _ => {}
    }
}

impl Block {
    fn add(&mut self, delta: &Map<String, Value>) {
        for key in ["text", "thinking", "signature"] {
            if let Some(text) = delta.get(key).and_then(Value::as_str) {
                join(&mut self.content, key.to_owned(), text);
            }
        }
        if let Some(part) = delta.get("partial_json").and_then(Value::as_str) {
            self.input.push_str(part);
        }
        if let Some(citation) = delta.get("citation") {
            let citations = self.content.entry("citations").or_insert_with(|| json!([]));
            citations.as_array_mut().into_iter().for_each(|list| list.push(citation.clone()));
        }
    }

    fn whole(self) -> Value {
        let mut content = self.content;
        if !self.input.is_empty() {
            // What is no JSON is kept as a text: the model wrote it so.
            let input = serde_json::from_str(&self.input).unwrap_or(Value::String(self.input));
            content.insert("input".to_owned(), input);
        }
        Value::Object(content)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gathered(mut of: Gathered, events: &[Value]) -> Value {
        for event in events {
            of.add(event.clone());
        }
        of.whole().unwrap_or_default()
    }

    fn chunk(delta: &Value, finish_reason: Option<&str>) -> Value {
        json!({
            "id": "c", "object": "chat.completion.chunk", "model": "m",
            "choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}],
        })
    }

    #[test]
    fn a_chat_is_its_parts_with_reasoning_logprobs_and_counts() {
        let logged = |token: &str| {
            json!({
                "id": "c", "object": "chat.completion.chunk", "model": "m",
                "choices": [{"index": 0, "delta": {"content": token}, "logprobs": {"content": [{"token": token}]}}],
            })
        };
        let events = [
            chunk(&json!({"role": "assistant", "content": "", "reasoning": "Hm"}), None),
            chunk(&json!({"reasoning": "m."}), None),
            logged("Hel"),
            logged("lo"),
            chunk(&json!({}), Some("stop")),
            json!({"id": "c", "choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 2}}),
        ];
        let expected = json!({
            "id": "c", "object": "chat.completion", "model": "m",
            "choices": [{
                "index": 0,
                "message": {"role": "assistant", "content": "Hello", "reasoning": "Hmm."},
                "finish_reason": "stop",
                "logprobs": {"content": [{"token": "Hel"}, {"token": "lo"}]},
            }],
            "usage": {"prompt_tokens": 5, "completion_tokens": 2},
        });
        assert_eq!(gathered(Gathered::completion(), &events), expected);
    }

    #[test]
    fn tool_calls_come_whole_with_one_index_or_in_parts_with_one_id_said_once_or_each_time() {
        let call = |id: &str, index: u8, arguments: &str| {
            json!({"tool_calls": [{
                "id": id, "index": index, "type": "function", "function": {"name": "f", "arguments": arguments},
            }]})
        };
        let more = |index: u8, arguments: &str| json!({"tool_calls": [{"index": index, "function": {"arguments": arguments}}]});
        // Ollama has given each call the index 0.
        let whole = [call("a", 0, "{\"x\":1}"), call("b", 0, "{}")];
        let parts = [call("a", 0, ""), more(0, "{\"x\""), more(0, ":1}"), call("b", 1, "{}")];
        // Some servers say a call's id with each part of it.
        let named = [call("a", 0, ""), call("a", 0, "{\"x\""), call("a", 0, ":1}"), call("b", 0, "{}")];
        for deltas in [whole.as_slice(), &parts, &named] {
            let events: Vec<Value> = deltas.iter().map(|delta| chunk(delta, None)).collect();
            let answer = gathered(Gathered::completion(), &events);
            let calls = answer.pointer("/choices/0/message/tool_calls").and_then(Value::as_array);
            let told = calls.into_iter().flatten().map(|call| {
                let text = |pointer: &str| call.pointer(pointer).and_then(Value::as_str).unwrap_or("none");
                format!("{} {}", text("/id"), text("/function/arguments"))
            });
            assert_eq!(told.collect::<Vec<_>>(), ["a {\"x\":1}", "b {}"]);
        }
    }

    #[test]
    fn a_completion_is_its_texts() {
        let part = |text: &str, reason: Value| json!({"object": "text_completion", "choices": [{"text": text, "index": 0, "finish_reason": reason}]});
        let events = [part("Hel", Value::Null), part("lo", "length".into())];
        let expected = json!({
            "object": "text_completion", "choices": [{"text": "Hello", "index": 0, "finish_reason": "length"}],
        });
        assert_eq!(gathered(Gathered::completion(), &events), expected);
    }

    #[test]
    fn a_message_is_its_blocks() {
        let start = json!({"type": "message_start", "message": {
            "id": "msg", "type": "message", "role": "assistant", "content": [], "usage": {"input_tokens": 9, "output_tokens": 0},
        }});
        let begin = |index: u8, block: Value| json!({"type": "content_block_start", "index": index, "content_block": block});
        let delta =
            |index: u8, delta: Value| json!({"type": "content_block_delta", "index": index, "delta": delta});
        let events = [
            start,
            begin(0, json!({"type": "thinking", "thinking": ""})),
            delta(0, json!({"type": "thinking_delta", "thinking": "Hm."})),
            begin(1, json!({"type": "text", "text": ""})),
            delta(1, json!({"type": "text_delta", "text": "Hel"})),
            delta(1, json!({"type": "text_delta", "text": "lo"})),
            begin(2, json!({"type": "tool_use", "id": "t", "name": "f", "input": {}})),
            delta(2, json!({"type": "input_json_delta", "partial_json": "{\"x\":"})),
            delta(2, json!({"type": "input_json_delta", "partial_json": "1}"})),
            json!({"type": "message_delta", "delta": {"stop_reason": "tool_use", "stop_sequence": null}, "usage": {"output_tokens": 4}}),
            json!({"type": "message_stop"}),
        ];
        let expected = json!({
            "id": "msg", "type": "message", "role": "assistant", "stop_reason": "tool_use",
            "content": [
                {"type": "thinking", "thinking": "Hm."},
                {"type": "text", "text": "Hello"},
                {"type": "tool_use", "id": "t", "name": "f", "input": {"x": 1}},
            ],
            "usage": {"input_tokens": 9, "output_tokens": 4},
        });
        assert_eq!(gathered(Gathered::message(), &events), expected);
    }

    #[test]
    fn a_response_is_what_its_last_event_holds() {
        let events = [
            json!({"type": "response.created", "response": {"id": "r", "status": "in_progress", "output": []}}),
            json!({"type": "response.output_text.delta", "delta": "Hi"}),
            json!({"type": "response.completed", "response": {"id": "r", "status": "completed", "output": [{"type": "message"}]}}),
        ];
        let expected = json!({"id": "r", "status": "completed", "output": [{"type": "message"}]});
        assert_eq!(gathered(Gathered::response(), &events), expected);
        assert_eq!(Gathered::completion().whole(), None);
    }
}
