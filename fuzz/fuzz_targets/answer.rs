//! A streamed answer: any bytes, cut anywhere, have exactly one end; where every line is JSON, the cuts change nothing.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use smart_ai_core::wire::{AnswerReader, Piece, read_embeddings};

/// All pieces of a stream that comes in parts of these lengths, over and over.
fn pieces(stream: &[u8], lengths: &[usize]) -> Vec<Piece> {
    let mut reader = AnswerReader::new();
    let (mut pieces, mut rest, mut turn) = (Vec::new(), stream, 0);
    while !rest.is_empty() {
        let length = lengths.get(turn % lengths.len()).copied().unwrap_or(1).clamp(1, rest.len());
        let (part, after) = rest.split_at(length);
        pieces.extend(reader.push(part));
        (rest, turn) = (after, turn + 1);
    }
    pieces.extend(reader.finish());
    pieces
}

fn is_end(piece: &Piece) -> bool {
    matches!(piece, Piece::Done { .. } | Piece::Failed { .. })
}

fn ends_once(pieces: &[Piece]) {
    assert_eq!(pieces.iter().filter(|piece| is_end(piece)).count(), 1, "one end: {pieces:?}");
    assert!(pieces.last().is_some_and(is_end), "nothing after the end: {pieces:?}");
}

/// Whether every line is an object of its own.
fn is_framed(stream: &[u8]) -> bool {
    let framed = |line: &[u8]| {
        line.trim_ascii().is_empty() || matches!(serde_json::from_slice(line), Ok(Value::Object(_)))
    };
    stream.split(|byte| *byte == b'\n').all(framed)
}

fuzz_target!(|data: &[u8]| {
    let (cuts, stream) = data.split_at(data.len().min(3));
    let whole = pieces(stream, &[usize::MAX]);
    ends_once(&whole);
    let lengths: Vec<usize> = cuts.iter().map(|byte| usize::from(*byte)).collect();
    if !lengths.is_empty() {
        let cut = pieces(stream, &lengths);
        ends_once(&cut);
        assert!(cut == whole || !is_framed(stream), "cut by {lengths:?}: {cut:?}, whole: {whole:?}");
    }
    if let Ok(text) = std::str::from_utf8(stream) {
        drop(read_embeddings(text));
    }
});
