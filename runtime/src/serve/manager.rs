//! One program at a time acts on a fleet by itself: on one machine, the one that holds the lock of a file, which the system lets go of when
//! a program ends, however it does; of several that share a history on a server, the one that leads there.

use std::fs::{File, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::PathBuf;
use std::time::Duration;

use smart_ai_core::LifecycleMode;
use smart_ai_core::wire::FleetConfig;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::driver::Engine;
use crate::store::Standing;

/// How often a program that stands by tries to become the one that acts.
const AGAIN: Duration = Duration::from_secs(5);
/// Bytes of a holder's name that are read.
const NAME_MAX: u64 = 200;

/// Acts for this fleet while this program leads and no other one of this machine acts, until the server stops. `standing`: what it is
/// among the programs that share its history; `None` where it shares none.
pub(super) async fn manage(
    engine: Engine,
    lock: Lock,
    standing: Option<watch::Receiver<Standing>>,
    stopping: CancellationToken,
) {
    let acting = async {
        let mut standing = standing.unwrap_or_else(|| watch::channel(Standing::Leads).1);
        loop {
            let holder = standing.borrow_and_update().waits().map(str::to_owned);
            let taken = holder.map_or_else(|| lock.take(), Taken::Others);
            let (told, held) = match taken {
                Taken::Ours(held) => (None, Some(held)),
                Taken::Others(holder) => (Some(holder), None),
            };
            engine.stand_by(told);
            let changes = async {
                // Where nobody tells any more, it stays as it is.
                if standing.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
            };
            if held.is_some() {
                changes.await;
            } else {
                drop(tokio::time::timeout(AGAIN, changes).await);
            }
        }
    };
    stopping.run_until_cancelled(acting).await;
}

/// The lock of a fleet.
#[derive(Debug)]
pub(super) struct Lock {
    file: PathBuf,
    name: String,
}

enum Taken {
    Ours(File),
    Others(String),
}

impl Lock {
    /// The lock of the fleet with these hosts; `None` where nothing is to be managed. `name`: how others are told of this program.
    pub(super) fn of(config: &FleetConfig, name: String) -> Option<Self> {
        if config.config.lifecycle.mode == LifecycleMode::Off {
            return None;
        }
        let file = format!("smart-ai-lifecycle-{:016x}.lock", key_of(config));
        Some(Self { file: std::env::temp_dir().join(file), name })
    }

    /// Takes the lock, or says who has it.
    fn take(&self) -> Taken {
        let opened = File::options().read(true).write(true).create(true).truncate(false).open(&self.file);
        let mut file = match opened {
            Ok(file) => file,
            Err(error) => return Taken::Others(format!("nobody: {}: {error}", self.file.display())),
        };
        match file.try_lock() {
            Ok(()) => {
                // What stands there is for people: without it the lock holds as well.
                let told = file
                    .set_len(0)
                    .and_then(|()| file.rewind())
                    .and_then(|()| file.write_all(self.name.as_bytes()));
                drop(told);
                Taken::Ours(file)
            }
            Err(TryLockError::WouldBlock) => {
                let mut name = String::new();
                let read = file.take(NAME_MAX).read_to_string(&mut name);
                let known = read.is_ok() && !name.is_empty();
                Taken::Others(if known { name } else { "another program of this machine".to_owned() })
            }
            Err(TryLockError::Error(error)) => {
                Taken::Others(format!("nobody: {} cannot be locked: {error}", self.file.display()))
            }
        }
    }
}

/// The number of the lock of a fleet: the same for the same hosts, in any order.
pub(super) fn key_of(config: &FleetConfig) -> i64 {
    let mut urls: Vec<&str> = config.hosts.iter().map(|host| host.server.url.trim_end_matches('/')).collect();
    urls.sort_unstable();
    fingerprint(&urls.join("\n")).cast_signed()
}

/// FNV-1a: the same in every build of the program.
fn fingerprint(text: &str) -> u64 {
    text.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use smart_ai_core::wire::FleetHost;

    use super::*;

    #[test]
    fn the_second_program_is_told_who_acts_and_takes_over_when_that_ends() {
        let url = format!("http://lock-test-{}:1", std::process::id());
        let mut fleet = FleetConfig { hosts: vec![FleetHost::at(url)], ..FleetConfig::default() };
        assert!(Lock::of(&fleet, String::new()).is_none(), "nothing is to be managed");
        fleet.config.lifecycle.mode = LifecycleMode::On;
        let lock = |name: &str| Lock::of(&fleet, name.to_owned());
        let (Some(first), Some(second)) = (lock("first"), lock("second")) else { unreachable!() };
        let held = first.take();
        assert!(matches!(held, Taken::Ours(_)));
        assert!(matches!(second.take(), Taken::Others(holder) if holder == "first"));
        drop(held);
        assert!(matches!(second.take(), Taken::Ours(_)));
        drop(std::fs::remove_file(&first.file));
    }
}
