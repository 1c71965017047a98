//! The signals by which a user or a service manager ends this program, on Unix and on Windows.

#[cfg(unix)]
pub(super) use unix::{Hangup, StopSignals, terminated};
#[cfg(windows)]
pub(super) use windows::{Hangup, StopSignals, terminated};

#[cfg(unix)]
mod unix {
    use std::io;

    use tokio::signal::unix::{Signal, SignalKind, signal};

    /// SIGTERM and SIGINT (Ctrl+C), heard from `listen` on.
    pub(in super::super) struct StopSignals {
        terminate: Signal,
        interrupt: Signal,
    }

    impl StopSignals {
        pub(in super::super) fn listen() -> io::Result<Self> {
            Ok(Self {
                terminate: signal(SignalKind::terminate())?,
                interrupt: signal(SignalKind::interrupt())?,
            })
        }

        /// Resolves at the next signal.
        pub(in super::super) async fn next(&mut self) {
            tokio::select! {
                _ = self.terminate.recv() => {}
                _ = self.interrupt.recv() => {}
            }
        }
    }

    /// SIGHUP, heard from `listen` on.
    pub(in super::super) struct Hangup(Signal);

    impl Hangup {
        pub(in super::super) fn listen() -> io::Result<Self> {
            signal(SignalKind::hangup()).map(Self)
        }

        /// Resolves at the next one.
        pub(in super::super) async fn next(&mut self) {
            self.0.recv().await;
        }
    }

    /// Resolves at SIGTERM.
    pub(in super::super) async fn terminated() {
        match signal(SignalKind::terminate()) {
            Ok(mut asked) => drop(asked.recv().await),
            Err(_) => std::future::pending().await,
        }
    }
}

#[cfg(windows)]
mod windows {
    use std::io;

    use tokio::signal::windows::{CtrlBreak, CtrlC, CtrlShutdown, ctrl_break, ctrl_c, ctrl_shutdown};

    /// Ctrl+C, Ctrl+Break and the shutdown of the machine, heard from `listen` on.
    pub(in super::super) struct StopSignals {
        interrupt: CtrlC,
        end: CtrlBreak,
        shutdown: CtrlShutdown,
    }

    impl StopSignals {
        pub(in super::super) fn listen() -> io::Result<Self> {
            Ok(Self { interrupt: ctrl_c()?, end: ctrl_break()?, shutdown: ctrl_shutdown()? })
        }

        /// Resolves at the next signal.
        pub(in super::super) async fn next(&mut self) {
            tokio::select! {
                _ = self.interrupt.recv() => {}
                _ = self.end.recv() => {}
                _ = self.shutdown.recv() => {}
            }
        }
    }

    /// Windows knows no SIGHUP.
    pub(in super::super) struct Hangup;

    impl Hangup {
        #[expect(clippy::unnecessary_wraps, reason = "as on Unix")]
        pub(in super::super) fn listen() -> io::Result<Self> {
            Ok(Self)
        }

        /// Never resolves.
        pub(in super::super) async fn next(&mut self) {
            std::future::pending().await
        }
    }

    /// Resolves at Ctrl+Break, which stands for SIGTERM here.
    pub(in super::super) async fn terminated() {
        match ctrl_break() {
            Ok(mut asked) => drop(asked.recv().await),
            Err(_) => std::future::pending().await,
        }
    }
}
