//! What looking ahead is told: the calls under way, the jobs that wait, the requests that come.

use crate::dispatch::Dispatcher;
use crate::dispatch::job::JobState;
use crate::names::JobId;
use crate::policy::{CallView, Outlook, Plan, Ranked, View, plan};
use crate::request::Request;
use crate::tuning::LookAhead;

impl Dispatcher {
    /// Plays a contested choice through, where that is switched on.
    pub(super) fn look_ahead(
        &self,
        view: View<'_>,
        ranked: &Ranked<'_>,
        request: &Request,
        job: Option<JobId>,
    ) -> Option<Plan> {
        if self.config.look_ahead == LookAhead::Off {
            return None;
        }
        let calls: Vec<CallView<'_>> = self
            .attempts
            .values()
            .map(|attempt| CallView { position: attempt.host_position, running: &attempt.running })
            .collect();
        let waits = |state| matches!(state, JobState::Held { .. } | JobState::Waiting(None));
        let waiting: Vec<&Request> = self
            .jobs
            .iter()
            .filter(|(id, other)| Some(**id) != job && waits(other.state))
            .map(|(_, other)| &other.request)
            .collect();
        // A dry run plays what the real one would.
        let seed = self.seed ^ job.map_or(0, |job| job.0.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let outlook = Outlook { arrivals: &self.arrivals, calls: &calls, waiting: &waiting, seed };
        plan(view, ranked, request, outlook)
    }
}
