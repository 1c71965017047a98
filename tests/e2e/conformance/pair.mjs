// A real and a fake Ollama for the tests of one file.
import { after, before } from 'node:test';
import { MissingPart, everyPartRequired } from '../bed/missing.mjs';
import * as fakeHost from './fake.mjs';
import * as realHost from './real.mjs';

/**
 * Starts both before the file's tests and stops them afterwards: `{ real, fake }`, or `{ missing }` with the reason to
 * skip.
 */
export function pair() {
	const hosts = {};
	before(
		async () => {
			try {
				hosts.real = await realHost.start();
			} catch (error) {
				if (!(error instanceof MissingPart) || everyPartRequired) throw error;
				hosts.missing = error.message;
				return;
			}
			hosts.fake = await fakeHost.start();
		},
		{ timeout: 900_000 },
	);
	after(() => Promise.all([hosts.real?.stop(), hosts.fake?.stop()]));
	return hosts;
}
