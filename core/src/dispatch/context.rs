//! The context a call asks for.

use crate::policy::DEFAULT_CONTEXT_TOKENS;

/// What a request needs of a context.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    pub(super) prompt_tokens: u32,
    pub(super) output_tokens: f64,
    /// The caller names it itself.
    pub(super) named: Option<u32>,
    /// The call can name one.
    pub(super) takes_options: bool,
}

/// The context of one call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Context {
    /// `num_ctx` to send along.
    pub(super) say: Option<u32>,
    /// Tokens the model is believed to be loaded with for it.
    pub(super) tokens: u32,
    /// Whether that is more than a guess.
    pub(super) is_known: bool,
    /// The call names a context, by us or by its caller.
    pub(super) is_said: bool,
}

impl Context {
    /// The tokens, where they are more than a guess.
    pub(super) fn known(self) -> Option<u32> {
        self.is_known.then_some(self.tokens)
    }

    /// The call names none, and what the host then takes is not known.
    pub(super) fn unknown() -> Self {
        Self { say: None, tokens: DEFAULT_CONTEXT_TOKENS, is_known: false, is_said: false }
    }

    /// The call names none; the host then takes this many tokens.
    pub(super) fn unsaid(tokens: u32) -> Self {
        Self { say: None, tokens, is_known: true, is_said: false }
    }

    /// The call asks for this many tokens.
    pub(super) fn said(tokens: u32) -> Self {
        Self { say: Some(tokens), tokens, is_known: true, is_said: true }
    }
}
