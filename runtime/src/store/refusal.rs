//! What a store's error says: that it refuses one row, or everything that is to be written.

use std::io::ErrorKind;

/// The store's code, where it refuses what a row says and not the whole program. Its words could quote the row.
pub(super) fn refusal(error: &sqlx::Error) -> Option<String> {
    let code = error.as_database_error()?.code()?;
    let refused = match code.parse::<u32>() {
        // SQLite: too big, constraint, mismatch; the low byte of its extended codes.
        Ok(number) if code.len() < 5 => matches!(number & 0xff, 18..=20),
        // SQLSTATE: data exception, integrity, program limit exceeded.
        _ => ["22", "23", "54"].iter().any(|class| code.starts_with(class)),
    };
    refused.then(|| code.into_owned())
}

/// Whether it may be read but not written, and trying again is of little use.
pub(super) fn is_read_only(error: &sqlx::Error) -> bool {
    if let sqlx::Error::Io(error) = error {
        return matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem);
    }
    if let sqlx::Error::Migrate(error) = error
        && let sqlx::migrate::MigrateError::Execute(error)
        | sqlx::migrate::MigrateError::ExecuteMigration(error, _) = &**error
    {
        return is_read_only(error);
    }
    let Some(code) = error.as_database_error().and_then(sqlx::error::DatabaseError::code) else {
        return false;
    };
    match code.parse::<u32>() {
        // SQLite: read-only; the low byte of its extended codes.
        Ok(number) if code.len() < 5 => number & 0xff == 8,
        // SQLSTATE: insufficient privilege, read-only transaction.
        _ => matches!(&*code, "42501" | "25006"),
    }
}

/// What is said of a store that can be read and not written.
pub(super) fn only_read(place: &str, error: &sqlx::Error) -> String {
    format!(
        "{place} can be read, not written: {error}; what was learned there is used, jobs go on, and nothing more is kept until it can be written"
    )
}
