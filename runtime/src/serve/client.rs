//! Which kind of client sends a request: a short list, so that no client can make series.

/// Words of `User-Agent` in lower case, each with its label; the first that fits counts.
const KINDS: [(&str, &str); 20] = [
    ("smart-ai", "smart_ai"),
    ("n8n", "n8n"),
    ("open-webui", "open_webui"),
    ("open webui", "open_webui"),
    ("langchain", "langchain"),
    ("ollama-js", "ollama_js"),
    ("ollama-python", "ollama_python"),
    ("ollama/", "ollama_cli"),
    ("anthropic", "anthropic"),
    ("openai", "openai"),
    ("curl/", "curl"),
    ("mozilla", "browser"),
    ("python", "python"),
    ("aiohttp", "python"),
    ("httpx", "python"),
    ("node", "node"),
    ("undici", "node"),
    ("axios", "node"),
    ("got ", "node"),
    ("go-http-client", "go"),
];

/// The label of a `User-Agent`.
pub(super) fn kind(user_agent: Option<&str>) -> &'static str {
    let words = user_agent.unwrap_or_default().to_lowercase();
    KINDS.iter().find(|(word, _)| words.contains(word)).map_or("other", |(_, label)| label)
}

#[cfg(test)]
mod tests {
    use super::kind;

    #[test]
    fn clients_are_told_by_their_own_words() {
        let cases = [
            ("curl/7.88.1", "curl"),
            ("ollama-js/0.6.0 (x64 linux Node.js/v20.20.2)", "ollama_js"),
            ("ollama-python/0.4.7 (x86_64 linux) Python/3.11", "ollama_python"),
            ("ollama/0.24.0 (amd64 linux) Go/go1.26.0", "ollama_cli"),
            ("OpenAI/JS 5.0.1", "openai"),
            ("Anthropic/Python 0.40", "anthropic"),
            ("smart-ai/0.1.0", "smart_ai"),
            ("Mozilla/5.0", "browser"),
            ("node", "node"),
            ("<script>", "other"),
        ];
        for (words, label) in cases {
            assert_eq!(kind(Some(words)), label, "{words}");
        }
        assert_eq!(kind(None), "other");
    }
}
