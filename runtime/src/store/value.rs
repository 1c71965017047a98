//! Values of columns, and their places in a statement.

use sqlx::Any;

/// A value of a column.
pub(super) enum Value {
    Text(String),
    Absent,
    Whole(i64),
    Real(f64),
}

/// Placeholders for this many rows of values: `($1, $2), ($3, $4)`.
pub(super) fn places(rows: usize, columns: usize) -> String {
    let row = |row: usize| {
        let places: Vec<String> =
            (1..=columns).map(|column| format!("${}", row * columns + column)).collect();
        format!("({})", places.join(", "))
    };
    (0..rows).map(row).collect::<Vec<_>>().join(", ")
}

pub(super) type Query<'q> = sqlx::query::Query<'q, Any, sqlx::any::AnyArguments<'q>>;

impl Value {
    /// `PostgreSQL` holds no NUL in a text.
    pub(super) fn text(text: &str) -> Self {
        Self::Text(text.replace('\0', ""))
    }

    pub(super) fn maybe(text: Option<&str>) -> Self {
        text.map_or(Self::Absent, Self::text)
    }

    pub(super) fn bind(self, query: Query<'_>) -> Query<'_> {
        match self {
            Self::Text(text) => query.bind(text),
            Self::Absent => query.bind(None::<String>),
            Self::Whole(number) => query.bind(number),
            Self::Real(number) => query.bind(number),
        }
    }
}
