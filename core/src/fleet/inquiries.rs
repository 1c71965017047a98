//! Which models of a host `/api/show` is asked about, a few at a time: a host may list thousands.

use std::collections::{BTreeMap, BTreeSet};

use crate::names::{Millis, ModelName};

/// Questions to one host under way at once.
const AT_ONCE: usize = 8;
/// Questions to one host under way at once where the next is about a model that a job names.
const AT_ONCE_WANTED: usize = 16;

/// Who waits for the answer; questions of the first kind go first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Interest {
    /// A job names the model.
    Wanted,
    /// The model is loaded or the configuration names it: any job may go there.
    Likely,
    Other,
}

/// The questions to one host.
#[derive(Clone, Debug, Default)]
pub(crate) struct Inquiries {
    /// Models still to be asked about.
    due: BTreeSet<(Interest, ModelName)>,
    /// Models asked about, and since when.
    pending: BTreeMap<ModelName, Millis>,
}

impl Inquiries {
    /// A look has ended: these models have no details. Questions older than `lost_ms` that brought no answer are forgotten.
    pub(crate) fn renew(
        &mut self,
        now: Millis,
        lost_ms: u64,
        unknown: impl Iterator<Item = (Interest, ModelName)>,
    ) {
        self.pending.retain(|_, since| now.since(*since) < lost_ms);
        self.due = unknown.filter(|(_, name)| !self.pending.contains_key(name)).collect();
    }

    /// A job names one of the models that `is_named` tells: it comes before the others.
    pub(crate) fn want(&mut self, is_named: impl Fn(&ModelName) -> bool) {
        let named =
            |(interest, name): &&(Interest, ModelName)| *interest != Interest::Wanted && is_named(name);
        let named: Vec<_> = self.due.iter().filter(named).cloned().collect();
        for due in named {
            self.due.remove(&due);
            self.due.insert((Interest::Wanted, due.1));
        }
    }

    /// The next model to ask about, where one more question may go.
    pub(crate) fn next(&mut self, now: Millis) -> Option<ModelName> {
        let (interest, _) = self.due.first()?;
        let most = if *interest == Interest::Wanted { AT_ONCE_WANTED } else { AT_ONCE };
        if self.pending.len() >= most {
            return None;
        }
        let (_, name) = self.due.pop_first()?;
        self.pending.insert(name.clone(), now);
        Some(name)
    }

    /// A question was answered, in whatever way.
    pub(crate) fn ended(&mut self, name: &ModelName) {
        if self.pending.remove(name).is_none() {
            self.due.retain(|(_, due)| due != name);
        }
    }

    /// Models whose details are still to come.
    pub(crate) fn awaited(&self) -> impl Iterator<Item = &ModelName> {
        self.pending.keys().chain(self.due.iter().map(|(_, name)| name))
    }

    pub(crate) fn slept(&mut self, ms: u64) {
        self.pending.values_mut().for_each(|since| *since = since.plus(ms));
    }
}
