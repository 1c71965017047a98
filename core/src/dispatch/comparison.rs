//! What a request in a trial would be on the other side: the named model where the dispatcher chose, its choice where the model was named.

use crate::decision::{Comparison, Forecast};
use crate::dispatch::Dispatcher;
use crate::names::JobId;
use crate::policy::{Exclusions, Ranked, View};
use crate::request::{Request, Trial};

impl Dispatcher {
    /// Both sides of a trial, as things are now; `None` of a request that is in none. `ranked` is what runs.
    pub(super) fn comparison(
        &self,
        view: View<'_>,
        request: &Request,
        ranked: &Ranked<'_>,
        job: Option<JobId>,
    ) -> Option<Box<Comparison>> {
        let trial = request.trial.as_ref()?;
        let other = other_side(request, trial);
        let nothing = Exclusions::default();
        let mut weighed = view.rank(&other, &nothing, 0);
        weighed.follow(self.look_ahead(view, &weighed, &other, job));
        let (runs, other) = (forecast(ranked), forecast(&weighed));
        let (named, chosen) = if trial.switched { (other, runs) } else { (runs, other) };
        let gain_ms = named
            .as_ref()
            .zip(chosen.as_ref())
            .map_or(0.0, |(named, chosen)| named.predicted_ms - chosen.predicted_ms);
        Some(Box::new(Comparison { switched: trial.switched, named, chosen, gain_ms }))
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
