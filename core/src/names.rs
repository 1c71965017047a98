//! Who is who: identifiers of jobs, attempts, hosts, models and shapes, and the unit of time.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use crate::read::Deserialize;
use crate::write::Write;

macro_rules! text_name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Write, Deserialize)]
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
                Self(text.into())
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text.into())
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

text_name! {
    /// The caller's opaque key of similar requests (workflow and node, or a template's name).
    Shape
}

macro_rules! number_name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Write, Deserialize)]
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
