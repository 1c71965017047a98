//! The wire where a vector cannot show it: any chunking, large input, the query.

#![expect(clippy::indexing_slicing, reason = "a cut beyond the stream is a mistake of the test")]
use std::error::Error;

use proptest::prelude::*;
use smart_ai_core::wire::{self, AnswerReader, Ask, Piece};
use smart_ai_core::{DispatchErrorCode, FailureKind, Request};

const STREAM: &str = "{\"message\":{\"content\":\"Grüße \"},\"done\":false}\r\n\n{\"message\":{\"thinking\":\"🌍{}\"}}\n\
                      {\"message\":{\"content\":\"}\\n{\"},\"done\":false}\n{\"message\":{\"content\":\"\"},\"done\":true,\"eval_count\":3}\n";

fn read(chunks: &[&[u8]]) -> Vec<Piece> {
    let mut reader = AnswerReader::new();
    let mut pieces: Vec<Piece> = chunks.iter().flat_map(|chunk| reader.push(chunk)).collect();
    pieces.extend(reader.finish());
    pieces
}

fn is_cut_off(piece: &Piece) -> bool {
    matches!(piece, Piece::Failed { failure } if failure.kind == FailureKind::CutOff)
}

proptest! {
    #[test]
    fn any_chunking_gives_the_same_pieces(cuts in prop::collection::vec(0..STREAM.len(), 0..20)) {
        let mut cuts = cuts;
        cuts.extend([0, STREAM.len()]);
        cuts.sort_unstable();
        let chunks: Vec<&[u8]> = cuts.windows(2).map(|pair| &STREAM.as_bytes()[pair[0]..pair[1]]).collect();
        let whole = read(&[STREAM.as_bytes()]);
        prop_assert_eq!(whole.len(), 4);
        prop_assert_eq!(read(&chunks), whole);
    }

    #[test]
    fn a_stream_cut_anywhere_before_its_final_line_is_cut_off(end in 0..STREAM.rfind("{\"message\"").unwrap_or(0)) {
        let pieces = read(&[&STREAM.as_bytes()[..end]]);
        prop_assert!(pieces.last().is_some_and(is_cut_off), "{:?}", pieces);
    }

    #[test]
    fn no_bytes_make_a_reader_panic_or_end_twice(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let ends = read(&[&bytes]).iter().filter(|piece| matches!(piece, Piece::Done { .. } | Piece::Failed { .. })).count();
        prop_assert_eq!(ends, 1);
    }

    #[test]
    fn no_text_makes_a_reader_of_bodies_panic(body in ".{0,200}", status in any::<u16>(), header in ".{0,20}") {
        let failure = wire::failure_of_status(status, &body, Some(&header), Some(&header));
        prop_assert!(failure.detail.chars().count() <= 300);
        prop_assert!(wire::read_metrics(status, &body).is_err());
        prop_assert!(wire::read_tags(&body).is_err() && wire::read_ps(&body, None).is_err());
        let _ = (wire::read_version(&body), wire::read_show(&body), wire::read_embeddings(&body), Ask::from_json(&body));
    }

    #[test]
    fn longer_texts_take_no_fewer_tokens(first in "\\PC{0,60}", second in "\\PC{0,60}") {
        let tokens = |text: &str| wire::classify(text).prompt_tokens;
        let both = [first.as_str(), second.as_str()].join(" ");
        prop_assert!(tokens(&both) + 1 >= tokens(&first));
    }
}

#[test]
fn a_line_beyond_the_cap_fails_and_frees_its_memory() {
    let chunk = vec![b'x'; 1 << 20];
    let mut reader = AnswerReader::new();
    let pieces: Vec<Piece> = (0..40).flat_map(|_| reader.push(&chunk)).collect();
    let failed = |piece: &Piece| matches!(piece, Piece::Failed { failure } if failure.kind == FailureKind::BadProtocol);
    assert!(matches!(pieces.as_slice(), [piece] if failed(piece)), "{} pieces", pieces.len());
    assert_eq!(reader.finish(), None);
}

#[test]
fn a_long_last_line_without_its_end_is_read_at_the_end() {
    let line =
        format!("{{\"message\":{{\"content\":\"\"}},\"done\":true,\"context\":[{}1]}}", "1,".repeat(100_000));
    let pieces = read(&[line.as_bytes()]);
    assert!(matches!(pieces.as_slice(), [Piece::Done { .. }]), "{pieces:?}");
}

#[test]
fn an_ask_that_is_not_json_says_where_and_quotes_nothing() {
    let error = Ask::from_json("{\"prompt\": \"secret").map(|_| ()).err();
    let text = format!("{error:?}");
    assert!(error.is_some_and(|error| error.code == DispatchErrorCode::InvalidRequest));
    assert!(text.contains("line 1") && !text.contains("secret"), "{text}");
}

#[test]
fn an_ask_survives_a_round_trip() -> Result<(), Box<dyn Error>> {
    let json = r#"{"id":7,"messages":[{"role":"user","content":"Hi"}],"task":"extract","deadline_ms":5,"schema":"json"}"#;
    let ask: Ask = serde_json::from_str(json)?;
    assert_eq!(serde_json::from_str::<Ask>(&serde_json::to_string(&ask)?)?, ask);
    Ok(())
}

#[test]
fn a_prompt_of_a_megabyte_is_measured_whole() -> Result<(), Box<dyn Error>> {
    let ask = Ask {
        prompt: Some(format!("Summarize this. {}", "The cat sat on the mat. ".repeat(42_000))),
        ..Ask::default()
    };
    let request: Request = ask.request().map_err(|error| error.message)?;
    assert_eq!(request.task.as_str(), "summarize");
    assert!((240_000..360_000).contains(&request.prompt_tokens), "{}", request.prompt_tokens);
    Ok(())
}

#[test]
fn the_query_asks_for_every_signal_and_its_age_once() {
    let (query, presets) = (wire::metrics_query(), wire::presets());
    assert_eq!(presets.len(), 5);
    for signal in presets.iter().flat_map(|preset| &preset.signals) {
        assert_eq!(query.matches(&format!("label_replace({}, ", signal.expr)).count(), 1, "{}", signal.expr);
        assert!(query.contains(&signal.age) && !signal.metrics.is_empty());
        for metric in &signal.metrics {
            assert!(signal.expr.contains(metric), "{metric}");
        }
    }
    let labels: Vec<&str> =
        query.split("\"smart_ai\", \"").skip(1).filter_map(|part| part.split('"').next()).collect();
    let mut distinct = labels.clone();
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(distinct.len(), labels.len(), "a branch without a label of its own is silently lost");
    assert_eq!(query.matches('(').count(), query.matches(')').count());
}

#[test]
fn what_rules_recorded_is_read_as_the_query_is() -> Result<(), Box<dyn Error>> {
    let series = |part: &str, value: &str| {
        format!(
            r#"{{"metric":{{"instance":"pc:9100","smart_ai":"node_exporter_linux/memory_total_bytes/{part}"}},"value":[1,"{value}"]}}"#
        )
    };
    let body = format!(
        r#"{{"status":"success","data":{{"resultType":"vector","result":[{},{}]}}}}"#,
        series("value", "8e9"),
        series("age", "7.5")
    );
    let samples = wire::read_metrics(200, &body).map_err(|failure| failure.detail)?;
    assert_eq!(
        samples.iter().map(|sample| (sample.value, sample.age_ms)).collect::<Vec<_>>(),
        [(8e9, 7_500)]
    );
    for part in ["value", "age"] {
        assert!(wire::recorded_query().contains(&format!("smart_ai:signals{{smart_ai=~\".+/{part}\"}}")));
    }
    Ok(())
}

#[test]
fn an_answer_that_is_held_until_it_is_whole_is_bounded_and_one_that_passes_is_not() {
    let line = format!("{{\"message\":{{\"content\":\"{}\"}},\"done\":false}}\n", "a".repeat(1 << 20));
    let pushed = |mut reader: AnswerReader| {
        let failed = |piece: &Piece| matches!(piece, Piece::Failed { .. });
        (0..70).find_map(|_| reader.push(line.as_bytes()).into_iter().find(failed))
    };
    assert_eq!(pushed(AnswerReader::new()), Some(Piece::Failed { failure: wire::answer_too_long() }));
    assert_eq!(wire::answer_too_long().detail, "the answer is longer than 64 MiB");
    assert_eq!(pushed(AnswerReader::passing()), None);
}
