// Run as process 1 of a lab's namespaces: builds a lab, says so, and stands until the file is there.
//   node standing-lab.mjs SCENARIO FILE
import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { startLab } from '../../dist/lab/lab.js';
import { scenarioNamed } from '../../dist/lab/scenarios.js';

const [scenario, file] = process.argv.slice(2);
const lab = await startLab(scenarioNamed(scenario));
console.log('stands');
while (!existsSync(file)) await sleep(100);
await lab.close();
