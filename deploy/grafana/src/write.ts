// Writes every dashboard as Grafana's Classic JSON, which can be imported by hand and provisioned. `--check` only
// compares.
import { readFileSync, writeFileSync } from 'node:fs';
import { decisions } from './dashboards/decisions';
import { hosts } from './dashboards/hosts';
import { lifecycle } from './dashboards/lifecycle';
import { models } from './dashboards/models';
import { n8n } from './dashboards/n8n';
import { overview } from './dashboards/overview';

const folder = new URL('../dashboards/', import.meta.url);
const stale: string[] = [];

for (const [name, dashboard] of Object.entries({ overview, decisions, models, hosts, lifecycle, n8n })) {
	const file = new URL(`${name}.json`, folder);
	const text = `${JSON.stringify(dashboard, null, 2)}\n`;
	if (!process.argv.includes('--check')) writeFileSync(file, text);
	else if (readFileSync(file, 'utf8') !== text) stale.push(`${name}.json`);
}
if (stale.length > 0) {
	console.error(`not as the code makes them: ${stale.join(', ')}; run npm run build -w deploy/grafana`);
	process.exitCode = 1;
}
