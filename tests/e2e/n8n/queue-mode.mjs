// n8n in queue mode, as it is run: a main process, one for webhooks, and workers, over PostgreSQL and Redis; two
// sidecars of which one is ready.
import { run } from '../bed/index.mjs';
import { startSidecar } from '../serve/sidecar.mjs';
import { node } from './cluster.mjs';
import { NODE, PACKAGE } from './workbench.mjs';

/** Executions that one worker runs at a time. */
export const CONCURRENCY = 5;
const WORKERS = 2;

/** The node that answers the webhook's question with the model it names; `engine`: where Smart AI decides. */
export const asking = ({ id, name }, engine = 'auto') =>
	node(
		'Ask',
		NODE,
		2,
		{
			resource: 'text',
			operation: 'generate',
			prompt: '={{ $json.body.question }}',
			mode: 'fast',
			model: { __rl: true, mode: 'id', value: '={{ $json.body.model }}' },
			options: { maxTokens: 60, engine },
		},
		{ credentials: { smartAiFleetApi: { id, name } } },
	);

/** Two sidecars before these hosts, of which one is ready; `start` begins another. */
export async function startSidecars(program, hosts, history) {
	const start = () => startSidecar(program, hosts, ['--standby', '--history', history]);
	return { pair: [await start(), await start()], start };
}

export const isReady = async ({ proxy }) => (await fetch(`${proxy}/smart-ai/ready`)).ok;

/** What n8n needs to keep its own data in this PostgreSQL, in a database of its own. */
export async function databaseOf(store) {
	await run('psql', [store.url, '--command', 'CREATE DATABASE n8n']);
	const { hostname, port, username } = new URL(store.url);
	return {
		DB_TYPE: 'postgresdb',
		DB_POSTGRESDB_HOST: hostname,
		DB_POSTGRESDB_PORT: port,
		DB_POSTGRESDB_DATABASE: 'n8n',
		DB_POSTGRESDB_USER: username,
	};
}

/** Main, webhook process and workers. `session` is the editor's; `addWorker` begins one more. */
export async function startQueueMode(n8n, { store, redis, credentials, workflows, concurrency = CONCURRENCY }) {
	const env = {
		...(await databaseOf(store)),
		EXECUTIONS_MODE: 'queue',
		QUEUE_BULL_REDIS_HOST: '127.0.0.1',
		QUEUE_BULL_REDIS_PORT: String(redis.port),
		OFFLOAD_MANUAL_EXECUTIONS_TO_WORKERS: 'true',
		// What a killed worker had under way is given up after seconds, not after a minute and a half.
		QUEUE_WORKER_LOCK_DURATION: '4000',
		QUEUE_WORKER_LOCK_RENEW_TIME: '1000',
		QUEUE_WORKER_STALLED_INTERVAL: '2000',
	};
	const instance = await n8n.start({ packages: [PACKAGE], credentials, workflows, env });
	const addWorker = () => instance.server({ role: 'worker', args: [`--concurrency=${concurrency}`] });
	const main = await instance.server();
	const session = await main.session();
	const [webhook, ...started] = await Promise.all([
		instance.server({ role: 'webhook' }),
		...Array.from({ length: WORKERS }, addWorker),
	]);
	return { main, webhook, workers: started, session, addWorker };
}
