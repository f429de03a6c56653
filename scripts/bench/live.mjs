#!/usr/bin/env node
/**
 * How a live capture keeps up: two interfaces in two network namespaces, captured at once by one process
 * while another sends. Reports drops, and CPU seconds per million packets, of the capturing process and
 * of the tcpdumps that it starts.
 *
 *   node scripts/bench/live.mjs [--engine ring|tcpdump|pcap] [--seconds 10] [--rate 100000]
 *                               [--length 200] [--visit count|write] [--json]
 *
 * Runs on dist/ (npm run build) in namespaces of its own, with no root where the lab needs none.
 */
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { chooseEngine } from '../../dist/capture/choose.js';
import { CaptureWriter } from '../../dist/evidence/capture-writer.js';
import { enterLab, insideLab } from '../../dist/lab/enter.js';
import { settleIn } from '../../dist/lab/settle.js';
import { localNode } from '../../dist/node/local.js';
import { netnsNode } from '../../dist/node/netns.js';

const SENDER = fileURLToPath(new URL('live-sender.mjs', import.meta.url));
const FILTER = { kind: 'tunnel', port: 8472 };
/** Kernel clock ticks a second in /proc/PID/stat; it is 100 wherever Linux runs Node. */
const TICKS = 100;

const { values } = parseArgs({
  options: {
    engine: { type: 'string', default: 'ring' },
    seconds: { type: 'string', default: '10' },
    rate: { type: 'string', default: '100000' },
    length: { type: 'string', default: '200' },
    visit: { type: 'string', default: 'count' },
    json: { type: 'boolean', default: false },
  },
});

if (insideLab()) {
  const result = await measure();
  print(result);
  process.exit(result.lost === 0 ? 0 : 1);
} else {
  process.exitCode = await enterLab();
}

async function measure() {
  await settleIn(localNode('bench'));
  const points = makeLink();
  const { engine } = await chooseEngine(values.engine, points[0].node);
  const folder = mkdtempSync('/tmp/stalesum-bench-');
  try {
    const captures = await Promise.all(points.map(point => start(engine, point, folder)));
    const own = process.cpuUsage();
    const { sent, seconds } = await send(points[0]);
    // By now the sender has been waited for; who ends from here on has captured.
    await sleep(500);
    const others = childrenSeconds();
    const statistics = await Promise.all(captures.map(({ stop }) => stop()));
    const { user, system } = process.cpuUsage(own);
    const cpu = (user + system) / 1e6 + childrenSeconds() - others;
    return summary(engine.name, sent, seconds, cpu, statistics);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** A link between two namespaces. What is sent out of the one comes into the other. */
function makeLink() {
  const ip = (...args) => execFileSync('ip', args);
  for (const name of ['left', 'right']) ip('netns', 'add', name);
  ip('link', 'add', 'l0', 'netns', 'left', 'type', 'veth', 'peer', 'name', 'r0', 'netns', 'right');
  const points = [
    { node: netnsNode('left'), device: 'l0' },
    { node: netnsNode('right'), device: 'r0' },
  ];
  for (const { node, device } of points) {
    ip('-n', node.name, 'link', 'set', 'dev', device, 'addrgenmode', 'none');
    ip('-n', node.name, 'link', 'set', 'dev', device, 'up');
  }
  return points;
}

async function start(engine, { node, device }, folder) {
  const writer =
    values.visit === 'write'
      ? new CaptureWriter(join(folder, `${device}.pcapng`), {
          name: device,
          description: '',
          filter: '',
        })
      : undefined;
  let bytes = 0;
  const count = frame => {
    bytes += frame.end - frame.start;
  };
  const onFrame = writer?.visit ?? count;
  const live = await engine.start({ node, interface: device, filter: FILTER, onFrame });
  return {
    stop: async () => {
      const statistics = await live.stop();
      writer?.end(statistics.linkType, statistics.kernelDrops, statistics.frames);
      return { interface: device, bytes, ...statistics };
    },
  };
}

async function send({ node, device }) {
  const packets = Number(values.rate) * Number(values.seconds);
  const args = [SENDER, device, String(packets), values.rate, values.length];
  const child = spawn('nsenter', [`--net=${node.networkNamespace}`, process.execPath, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return JSON.parse(await text(child.stdout));
}

/** What the children of this process used that have ended and were waited for. */
function childrenSeconds() {
  const [, stat] = readFileSync('/proc/self/stat', 'utf8').split(') ');
  const [user, system] = stat.split(' ').slice(13, 15).map(Number);
  return (user + system) / TICKS;
}

function summary(engine, sent, seconds, cpu, statistics) {
  const captured = statistics.reduce((sum, { frames }) => sum + frames, 0);
  return {
    engine,
    visit: values.visit,
    packetLength: Number(values.length),
    packetsPerSecondAndInterface: Math.round(sent / seconds),
    sentSeconds: seconds,
    interfaces: statistics.map(({ interface: name, frames, kernelDrops, freezes }) => ({
      interface: name,
      sent,
      frames,
      kernelDrops,
      freezes,
    })),
    lost: 2 * sent - captured,
    cpuSeconds: cpu,
    cpuSecondsPerMillionPackets: (cpu * 1e6) / Math.max(1, captured),
  };
}

function print(result) {
  if (values.json) {
    process.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
    return;
  }
  const { engine, packetsPerSecondAndInterface: rate, interfaces, lost } = result;
  const cost = result.cpuSecondsPerMillionPackets.toFixed(2);
  process.stdout.write(`${engine}: ${rate} packets/s of ${result.packetLength} bytes on each of\n`);
  for (const { interface: name, sent, frames, kernelDrops } of interfaces) {
    process.stdout.write(`  ${name}: ${frames} of ${sent}, ${kernelDrops} dropped by the kernel\n`);
  }
  process.stdout.write(`  lost ${lost}; ${cost} CPU seconds per million packets\n`);
}
