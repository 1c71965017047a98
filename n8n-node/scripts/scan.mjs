// Runs n8n's community package scanner, without the network, on the source and on what would be published.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { analyzePackage, SOURCE_FILE_PATTERNS } from '@n8n/scan-community-package/scanner/scanner.mjs';

const here = dirname(dirname(fileURLToPath(import.meta.url)));

const packed = mkdtempSync(join(tmpdir(), 'smart-ai-scan-'));
try {
	const failed = [
		await leg('source', here, SOURCE_FILE_PATTERNS),
		await leg('published', unpacked(), ['**/*.js', 'package.json']),
	];
	process.exitCode = failed.some(Boolean) ? 1 : 0;
} finally {
	rmSync(packed, { recursive: true, force: true });
}

function unpacked() {
	const answer = execFileSync('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', packed], {
		cwd: here,
	});
	const [{ filename, size, unpackedSize, entryCount }] = JSON.parse(answer.toString());
	const megabytes = (bytes) => `${(bytes / 1e6).toFixed(2)} MB`;
	process.stdout.write(`tarball: ${megabytes(size)}, unpacked ${megabytes(unpackedSize)}, ${entryCount} files\n`);
	mkdirSync(join(packed, 'out'));
	execFileSync('tar', ['-xzf', join(packed, filename), '-C', join(packed, 'out')]);
	return join(packed, 'out/package');
}

async function leg(name, folder, patterns) {
	const result = await analyzePackage(folder, patterns);
	process.stdout.write(`${name}: ${result.passed ? 'passed' : `${result.message}\n${result.details ?? ''}`}\n`);
	return !result.passed;
}
