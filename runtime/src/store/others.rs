//! What other programs that keep their history in the same store learn while this one runs.

use std::collections::BTreeMap;

use smart_ai_core::{Knowledge, Subject};
use sqlx::Row as _;

use super::database::Database;
use super::learned::{AT_ONCE, VERSION, stored};
use super::moment::{integer, now_ms};

/// Rows are looked at whose latest observation is younger: clocks differ, and a store that was away gets rows late.
const RECENT_MS: u64 = 3_600_000;

/// What has been seen of others' rows.
#[derive(Debug, Default)]
pub(super) struct Others {
    revisions: BTreeMap<String, i64>,
}

impl Others {
    /// What the rows hold that were written since the last look, where `base`, which has been taken from the store or is written
    /// there, says something else. Ratings are read by themselves, so judgements of quality are left out.
    pub(super) async fn look(
        &mut self,
        database: &Database,
        base: &Knowledge,
    ) -> Result<Knowledge, sqlx::Error> {
        let rows = sqlx::query(
            "SELECT subject, revision FROM estimates WHERE version = $1 AND kind <> 'quality' AND updated_ms >= $2",
        )
        .bind(VERSION)
        .bind(integer(now_ms().saturating_sub(RECENT_MS)))
        .fetch_all(&database.pool)
        .await?;
        let mut revisions = BTreeMap::new();
        for row in &rows {
            revisions.insert(row.try_get::<String, _>(0)?, row.try_get::<i64, _>(1)?);
        }
        let is_new = |name: &&str| self.revisions.get(*name) != revisions.get(*name);
        let names: Vec<&str> = revisions.keys().map(String::as_str).filter(is_new).collect();
        let mut theirs = Knowledge::default();
        for some in names.chunks(AT_ONCE) {
            for (name, row) in stored(database, some).await? {
                let subject: Result<Subject, _> = serde_json::from_str(&name);
                // What another version wrote in another way is left aside.
                if let (Ok(subject), Some(lessons)) = (subject, row.lessons)
                    && base.get(&subject) != Some(&lessons)
                {
                    theirs.put(subject, lessons);
                }
            }
        }
        self.revisions = revisions;
        Ok(theirs)
    }
}
