import { cli } from './index.js';

process.exitCode = cli(process.argv.slice(2));
