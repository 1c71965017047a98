// Where this project's scripts keep things: what a run makes stands in the cache folder, outside the checkout.
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The checkout. */
export const root = fileURLToPath(new URL('.', import.meta.url));

/** Compiled programs, fetched tools and models: `$XDG_CACHE_HOME/smart-ai`, else `.cache/smart-ai` at home. */
export const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'smart-ai');

/** Cargo's target folder: the environment's, else one in the cache. */
export const target = process.env.CARGO_TARGET_DIR ?? join(cache, 'target');
