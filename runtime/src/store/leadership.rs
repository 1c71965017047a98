//! One of several programs leads: the one whose connection to the history's database holds a lock. `PostgreSQL` lets go of the lock when
//! that connection ends, however the program does; a program whose connection is lost does not lead from then on.

use std::convert::Infallible;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions as _, Connection as _, Executor as _};
use tokio::sync::watch;

use super::config::Place;
use super::database::timed;

/// Between two tries for the lock, and between two looks whether the connection that holds it still stands.
const AGAIN: Duration = Duration::from_secs(1);
/// A server that has not answered within this is away: less than the time after which the server itself gives up the connection, so
/// that no two programs lead at once.
const ANSWERS_WITHIN: Duration = Duration::from_secs(3);
/// Has the server give up a connection whose machine is gone after about eight seconds.
const NOTICE_SOON: &str = "SET tcp_keepalives_idle = 4; SET tcp_keepalives_interval = 2; SET tcp_keepalives_count = 2; SET tcp_user_timeout = 8000";
const TAKE: &str = "SELECT pg_try_advisory_lock($1)";
/// Name and address of the program that holds the lock of a number; a number is kept in two halves.
const HOLDER: &str = "SELECT coalesce(a.application_name, ''), coalesce(host(a.client_addr), '') \
    FROM pg_locks l JOIN pg_stat_activity a USING (pid) \
    WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 AND a.datname = current_database() \
    AND (l.classid::bigint << 32 | l.objid::bigint) = $1";

/// What a program is among several of which one leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It leads.
    Leads,
    /// It does not; who does, by name and address, or why nobody is known to.
    Waits(String),
}

impl Standing {
    /// Who leads in its place.
    pub(crate) fn waits(&self) -> Option<&str> {
        match self {
            Self::Leads => None,
            Self::Waits(holder) => Some(holder),
        }
    }
}

/// A program that leads when no other does.
#[derive(Debug)]
pub(super) struct Contender {
    options: PgConnectOptions,
    /// The server, for people.
    server: String,
    lock: i64,
}

impl Contender {
    /// `name`: how others are told of this program. `None` where the history is a file.
    pub(super) fn new(place: &Place, lock: i64, name: &str) -> Option<Self> {
        let Place::Server(url) = place else { return None };
        let options: PgConnectOptions = url.parse().ok()?;
        let options = options.application_name(name).disable_statement_logging();
        Some(Self { options, server: place.shown(), lock })
    }

    /// What is told before the server has answered.
    pub(super) fn not_asked(&self) -> String {
        format!("nobody as far as is known: {} has not answered yet", self.server)
    }

    /// Tells what this program is. `take_over` is waited for each time it comes to lead, before that is told.
    pub(super) async fn run(self, told: watch::Sender<Standing>, take_over: impl AsyncFn()) {
        loop {
            let Err(lost) = self.lead(&told, &take_over).await;
            let words = format!("nobody as far as is known: {} does not answer: {lost}", self.server);
            tell(&told, Standing::Waits(words));
            tokio::time::sleep(AGAIN).await;
        }
    }

    /// Takes the lock when it is free, and leads until the connection is lost.
    async fn lead(
        &self,
        told: &watch::Sender<Standing>,
        take_over: &impl AsyncFn(),
    ) -> Result<Infallible, sqlx::Error> {
        let mut connection = timed(ANSWERS_WITHIN, PgConnection::connect_with(&self.options)).await?;
        timed(ANSWERS_WITHIN, connection.execute(NOTICE_SOON)).await?;
        while !self.takes(&mut connection).await? {
            let holder = self.holder(&mut connection).await?;
            tell(told, Standing::Waits(holder));
            tokio::time::sleep(AGAIN).await;
        }
        take_over().await;
        loop {
            timed(ANSWERS_WITHIN, connection.ping()).await?;
            tell(told, Standing::Leads);
            tokio::time::sleep(AGAIN).await;
        }
    }

    async fn takes(&self, connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
        timed(ANSWERS_WITHIN, sqlx::query_scalar(TAKE).bind(self.lock).fetch_one(connection)).await
    }

    async fn holder(&self, connection: &mut PgConnection) -> Result<String, sqlx::Error> {
        let found: Option<(String, String)> =
            timed(ANSWERS_WITHIN, sqlx::query_as(HOLDER).bind(self.lock).fetch_optional(connection)).await?;
        // It may have ended meanwhile, and another user's programs have no name here.
        let (name, address) = found.unwrap_or_default();
        let name = if name.is_empty() { "another program".to_owned() } else { name };
        Ok(if address.is_empty() { name } else { format!("{name} ({address})") })
    }
}

fn tell(told: &watch::Sender<Standing>, standing: Standing) {
    told.send_if_modified(|last| {
        let is_new = *last != standing;
        *last = standing;
        is_new
    });
}
