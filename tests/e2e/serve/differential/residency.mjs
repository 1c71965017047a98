// What a server holds in memory, and how often it loaded.
import { readFileSync, readdirSync } from 'node:fs';
import { send } from './exchange.mjs';

/** Each loaded model: its context, and seconds until it leaves (infinite where it stays for ever). */
export async function residents(url) {
	const { text } = await send(url, { method: 'GET', path: '/api/ps' });
	const left = (date) => {
		const seconds = (Date.parse(date) - Date.now()) / 1000;
		return seconds > 1e9 ? Number.POSITIVE_INFINITY : seconds;
	};
	const entry = ({ name, context_length, expires_at }) => [name, { context: context_length, left: left(expires_at) }];
	return Object.fromEntries(JSON.parse(text).models.map(entry));
}

/** The processes that hold a model, by number: a new number is a load. */
export function runners(server) {
	const isRunner = (pid) => {
		try {
			const parent = /\)\s\S\s(\d+)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))[1];
			return Number(parent) === server && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('--model');
		} catch {
			return false;
		}
	};
	return readdirSync('/proc').filter((name) => /^\d+$/.test(name) && isRunner(name));
}
