// Weeks of use in virtual time, with models that come and go by themselves. `node bench/run.mjs weeks`
import { percent, play } from './scenarios.mjs';
import { table } from './table.mjs';

const SEEDS = '0..3';
const KEPT = 'keep-alive:300';
const POLICIES = ['always-on', KEPT, 'ttl:60', 'ttl:120', 'ttl:150', 'ttl:180', 'smart', 'clairvoyant-idle'];

export const title = 'Weeks';
export const about = `\`smart-ai simulate\` on every file of bench/weeks, seeds ${SEEDS}: a week each, the first day a
Monday. *always-on* never unloads; *${KEPT}* is Ollama's own rule; *ttl* is a fixed time since the last use, as
llama-swap's: the best one within the goal's latency lies between 120 and 180 s; *smart* is Smart AI with
\`[lifecycle] mode = "on"\`; *clairvoyant-idle* knows the next use of each model.
Sablier's rule stops hosts, and none of these sleeps: it would be ${KEPT}.
Idle GB·h is memory that a model held while nobody used it. Goals: idle at least 90 % below always-on and 40 % below
${KEPT}, at a mean latency at most 5 % above that of ${KEPT}.

What is missing to the second goal is knowledge of the next use: in these sessions most idle memory lies between two
questions of one session, not behind its end. By an estimate on arrivals drawn alike, a time for each model that is
fitted to the week itself saves about 21 (home), 30 (office) and 36 % (mixed) at the goal's latency; somebody who knows
each gap, but loads nothing before its use, about 50, 56 and 68 %.`;

export async function run() {
	const rows = play(POLICIES, SEEDS, 'weeks').flatMap(({ name, policies }) => {
		const of = (wanted) => policies.find((policy) => policy.name === wanted);
		return policies.map((policy) => ({ pattern: name, policy, always: of(POLICIES[0]), kept: of(KEPT) }));
	});
	const change = (value, base) => percent(value / base - 1);
	const warm = ({ warm_share }) =>
		Object.entries(warm_share)
			.map(([shape, share]) => `${shape} ${percent(share)}`)
			.join(', ');
	return table(
		[
			['pattern', 'pattern'],
			['policy', ({ policy }) => policy.name],
			['idle GB·h', ({ policy }) => policy.idle_gb_hours.toFixed(1)],
			['to always-on', ({ policy, always }) => change(policy.idle_gb_hours, always.idle_gb_hours)],
			[`to ${KEPT}`, ({ policy, kept }) => change(policy.idle_gb_hours, kept.idle_gb_hours)],
			['mean seconds', ({ policy }) => policy.mean_s.toFixed(2)],
			[`to ${KEPT}`, ({ policy, kept }) => change(policy.mean_s, kept.mean_s)],
			['p95 seconds', ({ policy }) => policy.p95_s.toFixed(1)],
			['unloads', ({ policy }) => policy.unloads.toFixed(0)],
			['prewarms', ({ policy }) => policy.prewarms.toFixed(0)],
			['warm', ({ policy }) => warm(policy)],
		],
		rows,
	);
}
