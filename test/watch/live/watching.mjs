// What the scripts beside this one share: a running `stalesum watch`, and what it says. They run on node A
// of a lab, as plain Node on dist/.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

const CLI = fileURLToPath(new URL('../../../dist/cli.js', import.meta.url));
const SENDER = fileURLToPath(new URL('../../../scripts/bench/live-sender.mjs', import.meta.url));

/** Starts one, and waits until it is ready. */
export async function startWatch(args, namespace) {
  const place = namespace === undefined ? [] : ['--node', `netns:${namespace}`];
  const child = spawn(process.execPath, [CLI, 'watch', '--json', ...place, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const events = [];
  const waiting = [];
  createInterface({ input: child.stdout }).on('line', line => {
    events.push(JSON.parse(line));
    for (const look of waiting) look();
  });
  const stderr = text(child.stderr);
  const closed = once(child, 'close').then(([code, signal]) => {
    for (const look of waiting) look();
    return code ?? signal;
  });
  let isClosed = false;
  void closed.then(() => {
    isClosed = true;
  });
  /** Waits for the first event, from the one at `from` on, that is as wanted. */
  const until = (wanted, from = 0) =>
    new Promise((resolve, reject) => {
      const look = () => {
        const found = events.slice(from).find(wanted);
        if (!found && !isClosed && child.exitCode === null) return;
        waiting.splice(waiting.indexOf(look), 1);
        if (found) resolve(found);
        else void stderr.then(words => reject(new Error(`watch has ended: ${words}`)));
      };
      waiting.push(look);
      look();
    });
  const started = await until(({ event }) => event === 'started');
  const end = async (signal = 'SIGTERM') => {
    child.kill(signal);
    return { outcome: await closed, stderr: await stderr };
  };
  return { child, events, until, end, started };
}

/** Sends a mix of frames out of an interface of a namespace; {sent, seconds}. */
export async function send(namespace, device, packets, mix, rate = 0, length = 200) {
  const args = [SENDER, device, packets, rate, length, mix].map(String);
  const child = spawn('nsenter', [`--net=/run/netns/${namespace}`, process.execPath, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return JSON.parse(await text(child.stdout));
}

/** The page of metrics, as a map from names with labels to numbers. */
export async function metricsOf({ started }) {
  const page = await (await fetch(started.metrics)).text();
  const samples = page.split('\n').filter(line => /^[a-z]/.test(line));
  const values = Object.fromEntries(
    samples.map(line => [
      line.slice(0, line.lastIndexOf(' ')),
      Number(line.slice(line.lastIndexOf(' '))),
    ]),
  );
  return { page, values };
}

export const print = value => process.stdout.write(`${JSON.stringify(value)}\n`);
