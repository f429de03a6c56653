#!/usr/bin/env node
/**
 * What `stalesum watch` costs, and whether it finds everything: both ends of a link under one watch, while
 * 100,000 datagrams a second pass, so that each interface has them: first without checksums, as most tunnels
 * send; then with one stale datagram in a hundred; then with right checksums throughout, which is sampled.
 *
 *   node scripts/bench/watch.mjs [--seconds 30] [--rate 100000] [--length 200] [--json]
 *
 * Runs on dist/ (npm run build) in a namespace of its own, with no root where the lab needs none. CPU seconds
 * are those of the watching process; what the kernel spends on filtering is the sender's.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { enterLab, insideLab } from '../../dist/lab/enter.js';
import { settleIn } from '../../dist/lab/settle.js';
import { localNode } from '../../dist/node/local.js';
import { metricsOf, send, startWatch } from '../../test/watch/live/watching.mjs';

/** Kernel clock ticks a second in /proc/PID/stat; it is 100 wherever Linux runs Node. */
const TICKS = 100;
const NAMESPACE = 'bench';
const DEVICES = ['l0', 'r0'];

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '30' },
    rate: { type: 'string', default: '100000' },
    length: { type: 'string', default: '200' },
    json: { type: 'boolean', default: false },
  },
});

if (insideLab()) {
  const result = await measure();
  print(result);
  process.exit(result.wrong.length === 0 ? 0 : 1);
} else {
  process.exitCode = await enterLab();
}

async function measure() {
  await settleIn(localNode('bench'));
  makeLink();
  const watch = await startWatch([...DEVICES, '--metrics', '0'], NAMESPACE);
  const phases = [];
  for (const mix of ['zero', 'one-percent-stale', 'right']) phases.push(await phase(watch, mix));
  const peakMegabytes = peakOf(watch.child.pid);
  const { outcome } = await watch.end();
  const wrong = [
    ...phases.flatMap(faultsOf),
    ...(outcome === 0 ? [] : [`it ended with ${outcome}`]),
  ];
  return { packetLength: Number(values.length), peakMegabytes, phases, wrong };
}

/** Both ends in one namespace: what is sent out of the one comes into the other. */
function makeLink() {
  const ip = (...args) => execFileSync('ip', args);
  // For the metrics.
  ip('link', 'set', 'lo', 'up');
  ip('netns', 'add', NAMESPACE);
  ip('-n', NAMESPACE, 'link', 'add', 'l0', 'type', 'veth', 'peer', 'name', 'r0');
  for (const device of DEVICES) {
    ip('-n', NAMESPACE, 'link', 'set', 'dev', device, 'addrgenmode', 'none');
    ip('-n', NAMESPACE, 'link', 'set', 'dev', device, 'up');
  }
}

async function phase(watch, mix) {
  const packets = Number(values.rate) * Number(values.seconds);
  const before = await countsOf(watch);
  const cpu = cpuSecondsOf(watch.child.pid);
  const { sent, seconds } = await send(NAMESPACE, 'l0', packets, mix, values.rate, values.length);
  await sleep(1000);
  const cpuSeconds = cpuSecondsOf(watch.child.pid) - cpu;
  const after = await countsOf(watch);
  return {
    mix,
    packetsPerSecondAndInterface: Math.round(sent / seconds),
    sentSeconds: seconds,
    cpuSeconds,
    interfaces: DEVICES.map((device, index) => ({
      interface: device,
      sent,
      ...difference(before[index], after[index]),
      oneIn: after[index].oneIn,
    })),
  };
}

function difference(before, after) {
  return Object.fromEntries(Object.keys(after).map(name => [name, after[name] - before[name]]));
}

async function countsOf(watch) {
  const { values: metrics } = await metricsOf(watch);
  const sum = (name, device) =>
    Object.entries(metrics)
      .filter(([key]) => key.startsWith(`stalesum_${name}{interface="${device}"`))
      .reduce((total, [, value]) => total + value, 0);
  return DEVICES.map(device => ({
    examined: sum('examined_datagrams_total', device),
    stale: sum('stale_datagrams_total', device),
    otherwiseWrong: sum('mangled_datagrams_total', device) + sum('corrupt_datagrams_total', device),
    kernelDrops: sum('kernel_drops_total', device),
    passedOver: sum('passed_over_datagrams_estimated_total', device),
    oneIn: metrics[`stalesum_sampling_one_in{interface="${device}",kind="other"}`],
  }));
}

/** What must be so whatever the machine: every stale datagram is found, and nothing else is. */
function faultsOf({ mix, interfaces }) {
  return interfaces.flatMap(one => {
    const stale = mix === 'one-percent-stale' ? one.sent / 100 : 0;
    const expected = {
      stale,
      otherwiseWrong: 0,
      kernelDrops: 0,
      ...(mix === 'right' ? {} : { examined: stale, passedOver: 0 }),
    };
    return Object.entries(expected)
      .filter(([name, value]) => one[name] !== value)
      .map(([name, value]) => `${mix}, ${one.interface}: ${name} ${one[name]}, expected ${value}`);
  });
}

function cpuSecondsOf(pid) {
  const [, stat] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ');
  const [user, system] = stat.split(' ').slice(11, 13).map(Number);
  return (user + system) / TICKS;
}

function peakOf(pid) {
  const [, kilobytes] = /^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Math.round(Number(kilobytes) / 1000);
}

function print(result) {
  if (values.json) {
    process.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
    return;
  }
  for (const { mix, packetsPerSecondAndInterface: rate, sentSeconds, ...rest } of result.phases) {
    const { cpuSeconds, interfaces } = rest;
    const time = `${sentSeconds.toFixed(1)} s, ${cpuSeconds.toFixed(2)} CPU seconds`;
    process.stdout.write(`${mix}: ${rate} datagrams/s on each of two interfaces, ${time}\n`);
    for (const { interface: name, sent, examined, stale, kernelDrops, oneIn } of interfaces) {
      const counts = `${examined} of ${sent} examined, ${stale} stale, ${kernelDrops} dropped`;
      process.stdout.write(`  ${name}: ${counts}, at last one in ${oneIn}\n`);
    }
  }
  process.stdout.write(`peak memory ${result.peakMegabytes} MB, the rings' included\n`);
  for (const fault of result.wrong) process.stdout.write(`WRONG    ${fault}\n`);
}
