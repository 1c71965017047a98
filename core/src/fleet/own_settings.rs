//! What a server does by itself when a call says nothing: how long it keeps a model, and with how much context it loads it.

/// Seconds the server keeps an idle model by itself. One observation may be another client's doing, two alike are believed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct OwnKeepAlive {
    last_s: Option<u32>,
    known_s: Option<u32>,
}

impl OwnKeepAlive {
    /// Learns from a model that stays this many seconds after a call that named no keep-alive.
    pub(crate) fn observe(&mut self, seconds: u32) {
        if self.last_s == Some(seconds) {
            self.known_s = Some(seconds);
        }
        self.last_s = Some(seconds);
    }

    pub(crate) fn known(self) -> Option<u32> {
        self.known_s
    }
}

/// What one look shows of the server's own settings.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct OwnSettings {
    /// Tokens of context.
    pub(crate) context: Option<u32>,
    /// Seconds of keep-alive, rounded up to whole minutes.
    pub(crate) keep_alive_s: Option<u32>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_alike_are_believed_and_one_is_not() {
        let mut own = OwnKeepAlive::default();
        own.observe(300);
        assert_eq!(own.known(), None);
        own.observe(86_400);
        assert_eq!(own.known(), None);
        own.observe(86_400);
        assert_eq!(own.known(), Some(86_400));
        own.observe(300);
        assert_eq!(own.known(), Some(86_400));
    }
}
