/**
 * What a second core brings, without the start of a process: `node scaling.mjs FILE THREADS SHA256` reads
 * the capture several times in one process, and prints the seconds of each reading behind the first as JSON.
 */
import { CaptureObserver } from '../../dist/analysis/capture-observer.js';
import { CaptureReader } from '../../dist/pipeline/capture-reader.js';
import { DEFAULT_TUNNEL_PORTS } from '../../dist/wire/packet.js';

const READINGS = 6;

const [file, threads, sha256] = process.argv.slice(2);
const reader = new CaptureReader({
  tunnelPorts: DEFAULT_TUNNEL_PORTS,
  sha256: sha256 === 'true',
  plan: { threads: Number(threads) },
});
const seconds = [];
for (let reading = 0; reading < READINGS; reading++) {
  const observer = new CaptureObserver();
  const started = performance.now();
  await reader.readFile(file, { visit: observer.visit, observerOf: () => observer });
  seconds.push((performance.now() - started) / 1000);
}
await reader.close();
process.stdout.write(`${JSON.stringify(seconds.slice(1))}\n`);
