//! What servers answer to looks: metrics, tags, ps, show, errors. Any text; numbers that come out are usable ones.
#![no_main]

use libfuzzer_sys::fuzz_target;
use smart_ai_core::SignalName;
use smart_ai_core::wire::{failure_of_status, read_metrics, read_ps, read_show, read_tags, read_version};

fuzz_target!(|data: &[u8]| {
    let Some((status, body)) = data.split_first_chunk::<2>() else { return };
    let status = u16::from_le_bytes(*status);
    let text = String::from_utf8_lossy(body);
    for status in [200, status] {
        for sample in read_metrics(status, &text).unwrap_or_default() {
            assert!(sample.value.is_finite() && sample.value >= 0.0, "{sample:?}");
            assert!(sample.signal != SignalName::CpuBusyRatio || sample.value <= 1.0, "{sample:?}");
            assert!(!sample.instance.is_empty(), "{sample:?}");
        }
    }
    assert!(failure_of_status(status, &text, Some(&text), Some(&text)).detail.chars().count() <= 300);
    for tag in read_tags(&text).unwrap_or_default() {
        assert!(tag.parameters.is_none_or(|count| count.is_finite() && count > 0.0), "{tag:?}");
    }
    for date in ["Mon, 30 Nov 2026 05:00:00 GMT", &text] {
        for model in read_ps(&text, Some(date)).unwrap_or_default() {
            assert!(model.expires_in_s.is_none_or(f64::is_finite), "{model:?}");
        }
    }
    drop((read_show(&text), read_version(&text)));
});
