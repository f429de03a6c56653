// Interfaces that go down and away and come back, and ends of every kind.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { bringUp, ip, makeLink } from '../../capture/live/world.mjs';
import { metricsOf, print, send, startWatch } from './watching.mjs';

makeLink();
const upMetric = async watch =>
  (await metricsOf(watch)).values['stalesum_interface_up{interface="r0"}'];
const state = (watch, up, from) =>
  watch.until(event => event.event === 'interface' && event.up === up, from);
const found = (watch, from) => watch.until(({ event }) => event === 'stale', from);

const watch = await startWatch(['r0', '--metrics', '0'], 'right');
const ups = [await upMetric(watch)];

ip('-n', 'right', 'link', 'set', 'dev', 'r0', 'down');
const down = await state(watch, false, 0);
ups.push(await upMetric(watch));
ip('-n', 'right', 'link', 'set', 'dev', 'r0', 'up');
const up = await state(watch, true, 0);
await send('left', 'l0', 1000, 'one-percent-stale', 20_000);
const afterDown = await found(watch, 0);

const before = watch.events.length;
ip('-n', 'right', 'link', 'del', 'dev', 'r0');
const gone = await state(watch, false, before);
ip('link', 'add', 'l0', 'netns', 'left', 'type', 'veth', 'peer', 'name', 'r0', 'netns', 'right');
bringUp('left', 'l0');
bringUp('right', 'r0');
const back = await state(watch, true, before);
ups.push(await upMetric(watch));
await send('left', 'l0', 1000, 'one-percent-stale', 20_000);
// The same flows again: they are counted, and were told.
const examined = async () =>
  (await metricsOf(watch)).values['stalesum_examined_datagrams_total{interface="r0"}'];
for (let tries = 0; tries < 100 && (await examined()) < 20; tries++) await sleep(100);
const ended = await endWith('SIGINT', watch);

/** Packet sockets of a namespace: each has a line. */
const sockets = () => readFileSync('/proc/net/packet', 'utf8').trim().split('\n').length - 1;
/** Here, so that /proc/net shows them. */
const folder = mkdtempSync(join(tmpdir(), 'stalesum-watch-test-'));
const ends = {};
try {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGKILL']) {
    const evidence = join(folder, signal);
    const one = await startWatch(['eth0', 'lo', '--evidence', evidence]);
    const during = sockets();
    const { outcome, stderr } = await one.end(signal);
    ends[signal] = {
      during,
      after: sockets(),
      outcome,
      stderr,
      last: one.events.at(-1)?.event,
      left: existsSync(evidence) ? readdirSync(evidence) : [],
    };
  }
} finally {
  rmSync(folder, { recursive: true });
}
print({ down, up, afterDown, gone, back, ups, ended, ends, before: sockets() });

async function endWith(signal, one) {
  const { outcome } = await one.end(signal);
  return { outcome, last: one.events.at(-1) };
}
