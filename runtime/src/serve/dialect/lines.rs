//! Ollama's stream, passed through as it is.

use bytes::Bytes;
use smart_ai_core::wire::AnswerReader;

use crate::driver::{Read, Reader};

/// Lines of JSON.
#[derive(Debug)]
pub(super) struct Lines {
    answer: AnswerReader,
}

impl Lines {
    pub(super) fn new() -> Self {
        Self { answer: AnswerReader::passing() }
    }
}

impl Reader for Lines {
    fn push(&mut self, bytes: Bytes) -> Read {
        Read { pieces: self.answer.push(&bytes), forward: bytes }
    }

    fn finish(&mut self) -> Read {
        Read { pieces: self.answer.finish().into_iter().collect(), forward: Bytes::new() }
    }
}
