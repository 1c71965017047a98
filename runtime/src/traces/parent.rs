//! The trace a client says its request belongs to: the W3C header `traceparent`.

/// The client's span.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Parent {
    pub(super) trace_id: Vec<u8>,
    pub(super) span_id: Vec<u8>,
    /// Whether the client records its trace.
    pub(super) sampled: bool,
}

impl Parent {
    /// `00-<trace id>-<span id>-<flags>`; anything else counts as absent.
    pub(super) fn read(header: &str) -> Option<Self> {
        let mut parts = header.trim().split('-');
        let version = bytes(parts.next()?, 1)?;
        let trace_id = bytes(parts.next()?, 16).filter(|id| id.iter().any(|byte| *byte != 0))?;
        let span_id = bytes(parts.next()?, 8).filter(|id| id.iter().any(|byte| *byte != 0))?;
        let flags = bytes(parts.next()?, 1)?;
        if version == [0xff] || (version == [0] && parts.next().is_some()) {
            return None;
        }
        Some(Self { trace_id, span_id, sampled: flags.first().is_some_and(|flags| flags & 1 == 1) })
    }
}

/// This many bytes in hexadecimal.
fn bytes(text: &str, count: usize) -> Option<Vec<u8>> {
    if text.len() != 2 * count || !text.bytes().all(|letter| letter.is_ascii_hexdigit()) {
        return None;
    }
    (0..count).map(|at| u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_standard_says_is_a_parent() {
        let read = |header: &str| Parent::read(header);
        let header = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        assert!(read(header).is_some_and(|parent| parent.sampled && parent.span_id.len() == 8));
        assert!(read(&header.replace("-01", "-00")).is_some_and(|parent| !parent.sampled));
        for wrong in ["", "00-1-2-01", "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
        assert_eq!(read(&header.replace("b7ad6b7169203331", "0000000000000000")), None);
        assert_eq!(read(&format!("{header}-00")), None);
        assert_eq!(read(&header.replace('7', "é")), None);
    }
}
