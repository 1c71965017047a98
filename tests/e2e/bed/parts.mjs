// The real parts of the bed by name. Each has `install()` and `find()`; what can run has `start(options)`.
import * as chromium from './chromium.mjs';
import * as compose from './compose.mjs';
import * as docker from './docker.mjs';
import * as models from './models.mjs';
import * as n8n from './n8n.mjs';
import * as ollama from './ollama.mjs';
import * as postgres from './postgres.mjs';
import * as prometheus from './prometheus.mjs';
import * as redis from './redis.mjs';

export const parts = Object.freeze({ ollama, models, prometheus, postgres, redis, n8n, chromium, compose, docker });
