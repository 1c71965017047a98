// `npm run demo`: the daily digest in a real n8n, with the model, the reason and the seconds of each item.
// `-- --keep` leaves n8n up; `-- --simulated` asks simulated hosts, also where real ones can be had.
import { OWNER } from '../bed/n8n-session.mjs';
import { MissingPart } from '../bed/index.mjs';
import {
	digestWorkflow,
	outputOf,
	startFeed,
	startN8n,
	startRealFleet,
	startSimulatedFleet,
	stopAll,
} from './digest.mjs';

const [keep, simulated] = ['--keep', '--simulated'].map((flag) => process.argv.includes(flag));
const seconds = (ms) => `${(ms / 1000).toFixed(1)} s`;

async function startFleet() {
	if (simulated) return await simulate('asked for by --simulated');
	try {
		return await startRealFleet();
	} catch (error) {
		if (!(error instanceof MissingPart)) throw error;
		return await simulate(`${error.part} cannot be had here (${error.why})`);
	}
}

async function simulate(why) {
	console.log(`SIMULATED: ${why}. The answers below are made up by simulated hosts.`);
	return await startSimulatedFleet();
}

try {
	const fleet = await startFleet();
	if (!fleet.simulated)
		console.log(
			`Real Ollama servers ${fleet.hosts.map(({ name, url }) => `${name} ${url}`).join(', ')}; metrics ` +
				`${fleet.metrics.url}`,
		);
	const feed = await startFeed();
	const n8n = await startN8n(fleet, [
		digestWorkflow({ id: 'demo', feed: feed.url, engine: 'auto', metrics: fleet.metrics }),
	]);
	const result = await n8n.execute('demo');
	for (const item of outputOf(result, 'Summarize Entry')) {
		console.log(
			`\n${item.text}\n  ${item.model} on ${item.host} by the ${item.engine} engine: ` +
				`${seconds(item.predicted_ms)} predicted, ${seconds(item.ms.total)} taken`,
		);
		console.log(`  why: ${item.decision.reason}`);
	}
	console.log(`\n${outputOf(result, 'Write Digest')[0]?.digest ?? result.output}`);
	if (!result.ok) process.exitCode = 1;
	if (keep) {
		const server = await n8n.server();
		await server.session();
		console.log(
			`\nn8n stays up at ${server.url} until you press Ctrl+C; sign in as ${OWNER.email} with ${OWNER.password}`,
		);
		await new Promise((resolve) => process.once('SIGINT', resolve));
	}
	if (fleet.simulated) console.log('SIMULATED: no real model was asked.');
} catch (error) {
	if (!(error instanceof MissingPart)) throw error;
	console.error(`The demo needs ${error.part}: ${error.why}`);
	process.exitCode = 1;
} finally {
	await stopAll();
}
