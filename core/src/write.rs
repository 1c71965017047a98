//! Writing what has no `Serialize` of its own.

use litemap::LiteMap;
use serde::{Serialize, Serializer};

/// A map as an object of its keys.
pub(crate) fn map<K: Serialize, V: Serialize, S: Serializer>(
    map: &LiteMap<K, V>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(map.iter())
}
