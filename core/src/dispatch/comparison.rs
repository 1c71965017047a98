//! What a request in a trial would be on the other side: the named model where the dispatcher chose, its choice where the model was named.

use crate::decision::{Comparison, Forecast};
use crate::dispatch::Dispatcher;
use crate::dispatch::wish::Wish;
use crate::names::JobId;
use crate::policy::{Backlog, Exclusions, Ranked, View};
use crate::request::{Request, Trial};

/// Both sides of a trial, and what the request would bring to the arm of the other one.
#[derive(Clone, Debug)]
pub(super) struct Compared {
    pub(super) comparison: Comparison,
    other: Option<Wish>,
}

impl Dispatcher {
    /// Both sides of a trial, as things are now; `None` of a request that is in none. `ranked` is what runs. The other side is weighed
    /// as if the requests beside it had gone there, too: they come together, and would move together.
    pub(super) fn compared(
        &self,
        view: View<'_>,
        request: &Request,
        ranked: &Ranked<'_>,
        job: Option<JobId>,
    ) -> Option<Box<Compared>> {
        let trial = request.trial.as_ref()?;
        let other = other_side(request, trial);
        let nothing = Exclusions::default();
        let backlogs = self.backlogs_beside(trial.switched, job);
        let weighed = View { backlogs: &backlogs, ..view }.rank(&other, &nothing, 0);
        let brings = weighed.best().map(|best| Wish { sure: true, ..Wish::of(&weighed, best) });
        let (runs, other) = (forecast(ranked), forecast(&weighed));
        let (named, chosen) = if trial.switched { (other, runs) } else { (runs, other) };
        let gain_ms = named
            .as_ref()
            .zip(chosen.as_ref())
            .map_or(0.0, |(named, chosen)| named.predicted_ms - chosen.predicted_ms);
        let comparison = Comparison { switched: trial.switched, named, chosen, gain_ms };
        Some(Box::new(Compared { comparison, other: brings }))
    }

    /// What would be under way and wait, if every other request on this side of a trial were on the other one.
    fn backlogs_beside(&self, switched: bool, own: Option<JobId>) -> Vec<Backlog> {
        let moves = |id: JobId| {
            let trial = self.jobs.get(&id).and_then(|job| job.request.trial.as_ref());
            trial.is_some_and(|trial| trial.switched == switched)
        };
        let mut backlogs = self.backlogs_where(|attempt| !moves(attempt.job));
        for (id, job) in &self.jobs {
            let elsewhere = job.compared.as_ref().and_then(|compared| compared.other.as_ref());
            let wish = if moves(*id) { elsewhere } else { job.wish.as_ref() };
            if let Some(wish) = wish.filter(|_| Some(*id) != own) {
                self.reserve(&mut backlogs, wish);
            }
        }
        backlogs
    }
}

fn other_side(request: &Request, trial: &Trial) -> Request {
    let (model, host) = if trial.switched { (trial.model.clone(), trial.host.clone()) } else { (None, None) };
    Request { model, host, ..request.clone() }
}

fn forecast(ranked: &Ranked<'_>) -> Option<Forecast> {
    let best = ranked.best()?;
    Some(Forecast {
        host: best.host.config.id.clone(),
        model: best.model.name.clone(),
        predicted_ms: (best.expected_s * 1e3).round_ties_even(),
    })
}
