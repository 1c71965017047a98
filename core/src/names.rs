//! Who is who: identifiers of jobs, attempts, hosts, models and shapes, and the unit of time.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

macro_rules! text_name {
    ($(#[$doc:meta])* $name:ident) => {
        text_name! { $(#[$doc])* $name, at most usize::MAX }
    };
    ($(#[$doc:meta])* $name:ident, at most $letters:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
        #[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(export_to = "core.d.ts", type = "string"))]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                let end = text.char_indices().nth($letters).map_or(text.len(), |(end, _)| end);
                Self(text.get(..end).unwrap_or(text).into())
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self::from(text.as_str())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }
    };
}

text_name! {
    /// An Ollama server, by the name its owner gave it.
    HostId
}

text_name! {
    /// A model's tag on a host, as `/api/tags` lists it: `phi3:mini`.
    ModelName
}

impl ModelName {
    /// Whether both texts name one model, by Ollama's rules: letter case does not count, and what is left out of
    /// `registry.ollama.ai/library/NAME:latest` is this. A source said beside the tag (`:local`, `:cloud`) is read as Ollama does.
    pub fn is_same(&self, other: &Self) -> bool {
        self == other || Parts::of(self.as_str()).is_same(&Parts::of(other.as_str()))
    }

    /// One spelling for all names of one model: equal for two names exactly where [`ModelName::is_same`] holds.
    #[must_use]
    pub fn canonical(&self) -> String {
        let Parts { path, model, tag, cloud } = Parts::of(self.as_str());
        let ending = if cloud { "-cloud" } else { "" };
        let mut name = String::with_capacity(self.as_str().len() + 7);
        for part in [path, if path.is_empty() { "" } else { "/" }, model, ":", tag, ending] {
            name.push_str(part);
        }
        name.make_ascii_lowercase();
        name
    }
}

/// A model's name cut as Ollama cuts it.
struct Parts<'a> {
    /// Registry and namespace, without those that are left out.
    path: &'a str,
    model: &'a str,
    tag: &'a str,
    /// `:cloud` behind a tag, which is listed as the tag's ending `-cloud`.
    cloud: bool,
}

const REGISTRY: &str = "registry.ollama.ai/";
const NAMESPACE: &str = "library/";
const TAG: &str = "latest";

impl<'a> Parts<'a> {
    fn of(name: &'a str) -> Self {
        let mut name = name.trim();
        for scheme in ["https://", "http://"] {
            name = without_start(name, scheme).unwrap_or(name);
        }
        name = without_end(name, ":local").unwrap_or(name);
        let mut cloud = false;
        if let Some(base) = without_end(name, ":cloud").filter(|base| tagged(base).1.is_some()) {
            (name, cloud) = (base, true);
        }
        let (rest, tag) = tagged(name);
        let mut tag = tag.unwrap_or(TAG);
        if let Some(base) = without_end(tag, "-cloud") {
            (tag, cloud) = (base, true);
        }
        let rest = without_start(rest, REGISTRY).unwrap_or(rest);
        let rest = without_start(rest, NAMESPACE).filter(|model| !model.contains('/')).unwrap_or(rest);
        let (path, model) = rest.rsplit_once('/').unwrap_or(("", rest));
        Self { path, model, tag, cloud }
    }

    fn is_same(&self, other: &Parts<'_>) -> bool {
        self.cloud == other.cloud
            && self.model.eq_ignore_ascii_case(other.model)
            && self.tag.eq_ignore_ascii_case(other.tag)
            && self.path.eq_ignore_ascii_case(other.path)
    }
}

/// A name without its tag, and the tag. A colon before a slash belongs to a registry's port.
fn tagged(name: &str) -> (&str, Option<&str>) {
    match name.rsplit_once(':') {
        Some((rest, tag)) if !tag.contains('/') => (rest, Some(tag)),
        Some(_) | None => (name, None),
    }
}

fn without_start<'a>(text: &'a str, start: &str) -> Option<&'a str> {
    let (head, rest) = text.split_at_checked(start.len())?;
    head.eq_ignore_ascii_case(start).then_some(rest)
}

fn without_end<'a>(text: &'a str, end: &str) -> Option<&'a str> {
    let (rest, tail) = text.split_at_checked(text.len().checked_sub(end.len())?)?;
    tail.eq_ignore_ascii_case(end).then_some(rest)
}

text_name! {
    /// The caller's opaque key of similar requests (workflow and node, or a template's name). Its first 200 letters count.
    Shape, at most 200
}

macro_rules! number_name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
        #[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(export_to = "core.d.ts", type = "number"))]
        #[serde(transparent)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(formatter)
            }
        }
    };
}

number_name! {
    /// One request from a caller. The driver numbers jobs; core never reuses or invents one.
    JobId
}

number_name! {
    /// One call of one arm for a job. Core numbers attempts.
    AttemptId
}

number_name! {
    /// Milliseconds on the driver's clock; only differences matter. Below 2^53, so that JavaScript holds it exactly.
    Millis
}

impl Millis {
    /// This many milliseconds later.
    #[must_use]
    pub fn plus(self, milliseconds: u64) -> Self {
        Self(self.0.saturating_add(milliseconds))
    }

    /// Milliseconds since `earlier`; zero where the clock stepped back.
    pub fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

#[cfg(test)]
mod tests {
    use super::{ModelName, Shape};

    #[test]
    fn a_shape_is_so_long_at_most() {
        assert_eq!(Shape::from("é".repeat(300)).as_str(), "é".repeat(200));
        assert_eq!(ModelName::from("m".repeat(300)).as_str().len(), 300);
    }

    #[test]
    fn a_model_is_found_by_every_name_that_ollama_takes_for_it() {
        let pairs = [
            ("phi3:latest", "phi3"),
            ("phi3:latest", " PHI3:Latest "),
            ("phi3:latest", "library/phi3"),
            ("phi3:latest", "registry.ollama.ai/library/phi3"),
            ("phi3:latest", "https://registry.ollama.ai/Library/phi3:latest"),
            ("phi3:latest", "phi3:local"),
            ("phi3:mini", "phi3:mini:local"),
            ("me/own:latest", "registry.ollama.ai/me/own"),
            ("hf.co/a/B-GGUF:Q4_K_M", "HF.co/A/b-gguf:q4_k_m"),
            ("host:5000/a/b:latest", "host:5000/a/b"),
            ("gpt-oss:20b-cloud", "gpt-oss:20b:cloud"),
            ("big:cloud", "big:Cloud"),
        ];
        for (listed, named) in pairs {
            let (listed, named) = (ModelName::from(listed), ModelName::from(named));
            assert!(listed.is_same(&named), "{listed} and {named}");
            assert_eq!(listed.canonical(), named.canonical());
        }
    }

    #[test]
    fn other_models_are_other_models() {
        let pairs = [
            ("phi3:latest", "phi3:mini"),
            ("phi3:latest", "me/phi3"),
            ("phi3:latest", "example.com/library/phi3"),
            ("phi3:20b", "phi3:20b-cloud"),
            ("phi3:latest", "phi3:cloud"),
            ("phi3:latest", ""),
            ("me/own:latest", "you/own"),
        ];
        for (listed, named) in pairs {
            let (listed, named) = (ModelName::from(listed), ModelName::from(named));
            assert!(!listed.is_same(&named), "{listed} and {named}");
            assert_ne!(listed.canonical(), named.canonical());
        }
    }
}
