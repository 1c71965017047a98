//! Model names as Ollama parses them (`types/model/name.go`).

const DEFAULT_HOST: &str = "registry.ollama.ai";
const DEFAULT_NAMESPACE: &str = "library";

/// A fully qualified model name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ModelName {
    host: String,
    namespace: String,
    model: String,
    tag: String,
}

/// Why a name was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NameError {
    /// Nothing but space.
    Missing,
    /// Characters or lengths that Ollama does not allow.
    Invalid,
    /// `:cloud` or `-cloud`: it would leave the machine.
    Cloud,
}

impl ModelName {
    /// Parses and fills in host, namespace and `:latest`.
    ///
    /// # Errors
    /// [`NameError`].
    pub(crate) fn parse(text: &str) -> Result<Self, NameError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(NameError::Missing);
        }
        let text = match text.rsplit_once(':') {
            Some((_, tag)) if tag.eq_ignore_ascii_case("cloud") => return Err(NameError::Cloud),
            Some((_, tag)) if !tag.contains('/') && tag.to_ascii_lowercase().ends_with("-cloud") => {
                return Err(NameError::Cloud);
            }
            Some((base, tag)) if tag.eq_ignore_ascii_case("local") => base,
            _ => text,
        };
        let (path, tag) = match text.rsplit_once(':') {
            Some((path, tag)) if !tag.contains('/') => (path, tag),
            _ => (text, "latest"),
        };
        let mut parts = path.rsplitn(3, '/');
        let model = parts.next().unwrap_or_default();
        let namespace = parts.next().unwrap_or(DEFAULT_NAMESPACE);
        let host = parts.next().unwrap_or(DEFAULT_HOST);
        let host = host.split_once("://").map_or(host, |(_, host)| host);
        let valid = is_valid(host, 350, true, true)
            && is_valid(namespace, 80, false, false)
            && is_valid(model, 80, true, false)
            && is_valid(tag, 80, true, false);
        if !valid {
            return Err(NameError::Invalid);
        }
        Ok(Self { host: host.into(), namespace: namespace.into(), model: model.into(), tag: tag.into() })
    }

    /// The shortest name that means the same, with its tag: what tags and ps show.
    pub(crate) fn short(&self) -> String {
        let Self { host, namespace, model, tag } = self;
        if !host.eq_ignore_ascii_case(DEFAULT_HOST) {
            format!("{host}/{namespace}/{model}:{tag}")
        } else if namespace.eq_ignore_ascii_case(DEFAULT_NAMESPACE) {
            format!("{model}:{tag}")
        } else {
            format!("{namespace}/{model}:{tag}")
        }
    }

    /// Host, namespace, model and tag: what capability errors show.
    pub(crate) fn full(&self) -> String {
        let Self { host, namespace, model, tag } = self;
        format!("{host}/{namespace}/{model}:{tag}")
    }

    /// The key under which names of different case are one.
    pub(crate) fn folded(&self) -> String {
        self.full().to_lowercase()
    }
}

fn is_valid(part: &str, longest: usize, dots: bool, colons: bool) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    (1..=longest).contains(&part.len())
        && part.bytes().next().is_some_and(word)
        && part
            .bytes()
            .all(|byte| word(byte) || byte == b'-' || (dots && byte == b'.') || (colons && byte == b':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_get_their_defaults() {
        let short = |text: &str| ModelName::parse(text).map(|name| name.short());
        assert_eq!(short("phi3"), Ok("phi3:latest".into()));
        assert_eq!(short("registry.ollama.ai/library/phi3:mini"), Ok("phi3:mini".into()));
        assert_eq!(short("me/phi3"), Ok("me/phi3:latest".into()));
        assert_eq!(short("hf.co/me/phi3:Q4"), Ok("hf.co/me/phi3:Q4".into()));
        assert_eq!(short("phi3:local"), Ok("phi3:latest".into()));
        assert_eq!(
            ModelName::parse("phi3").map(|n| n.full()),
            Ok("registry.ollama.ai/library/phi3:latest".into())
        );
    }

    #[test]
    fn bad_names_are_told_apart() {
        assert_eq!(ModelName::parse("  "), Err(NameError::Missing));
        assert_eq!(ModelName::parse("a b"), Err(NameError::Invalid));
        assert_eq!(ModelName::parse("/x"), Err(NameError::Invalid));
        assert_eq!(ModelName::parse("gpt-oss:120b-cloud"), Err(NameError::Cloud));
        assert_eq!(ModelName::parse("kimi:cloud"), Err(NameError::Cloud));
    }
}
