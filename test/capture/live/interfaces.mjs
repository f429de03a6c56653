// Interfaces that are not there, go away, go down, or are of other kinds than Ethernet.
import { execFileSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { closeSync, openSync, writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { loadLibc } from '../../../dist/capture/libc.js';
import { tcpdump } from '../../../dist/capture/tcpdump.js';
import { localNode } from '../../../dist/node/local.js';
import {
  bringUp,
  capture,
  EVERYTHING,
  faultOf,
  ip,
  makeLink,
  numbered,
  print,
  ring,
  sender,
} from './world.mjs';

const { left, right } = makeLink();
const here = { ...localNode('here'), networkNamespace: '/proc/self/ns/net' };
const start = (engine, node, device) => () =>
  engine.start({ node, interface: device, filter: EVERYTHING, onFrame: () => undefined });

const refused = {
  wrongName: await faultOf(start(ring, left, 'eth9')),
  wrongNameTcpdump: await faultOf(start(tcpdump, left, 'eth9')),
  tooLong: await faultOf(start(ring, left, 'l0-but-much-longer')),
  empty: await faultOf(start(ring, left, '')),
  noNamespace: await faultOf(start(ring, { ...left, networkNamespace: '/run/netns/none' }, 'l0')),
  notANamespace: await faultOf(start(ring, { ...left, networkNamespace: '/dev/null' }, 'l0')),
  down: await faultOf(start(ring, left, 'lo')),
};
const stillHere = ip('-br', 'link').includes('flannel.1');

const wentDown = await downAndUp();
const wentAway = await away();
const loopback = await overLoopback();
const threw = await throwing();
const keptAfterwards = await keeping();
print({
  refused,
  stillHere,
  wentDown,
  wentAway,
  loopback,
  threw,
  keptAfterwards,
  tun: await tun(),
});

async function downAndUp() {
  const { send, close } = await sender(left, 'l0');
  const { frames, end } = await capture(ring, right, 'r0');
  send(numbered(1));
  await sleep(50);
  ip('-n', 'right', 'link', 'set', 'dev', 'r0', 'down');
  await sleep(50);
  ip('-n', 'right', 'link', 'set', 'dev', 'r0', 'up');
  await sleep(200);
  send(numbered(2));
  await sleep(100);
  const beforeStop = frames.length;
  const { statistics } = await end();
  await close();
  return { beforeStop, statistics };
}

async function away() {
  const { send, close } = await sender(left, 'l0');
  const captures = await Promise.all([
    capture(ring, right, 'r0'),
    capture(tcpdump, right, 'r0'),
    capture(ring, left, 'l0'),
  ]);
  send(numbered(3));
  ip('-n', 'right', 'link', 'del', 'dev', 'r0');
  await sleep(100);
  const before = performance.now();
  const ended = await Promise.all(captures.map(({ end }) => end()));
  await close();
  const milliseconds = performance.now() - before;
  return { milliseconds, statistics: ended.map(({ statistics }) => statistics) };
}

async function overLoopback() {
  bringUp('left', 'lo');
  const filter = { kind: 'tunnel', port: 9999 };
  const captures = await Promise.all([ring, tcpdump].map(e => capture(e, left, 'lo', filter)));
  execFileSync('nsenter', [
    `--net=${left.networkNamespace}`,
    process.execPath,
    '-e',
    "const s = require('dgram').createSocket('udp4'); s.send('hello', 9999, '127.0.0.1', () => s.close())",
  ]);
  const ended = await Promise.all(captures.map(({ end }) => end()));
  return ended.map(({ frames, statistics }) => ({ frames, statistics }));
}

async function throwing() {
  const node = here;
  const live = await ring.start({
    node,
    interface: 'lo',
    filter: { kind: 'tunnel', port: 9998 },
    onFrame: () => {
      throw new Error('the visitor has had enough');
    },
  });
  const socket = createSocket('udp4');
  for (let count = 0; count < 3; count++) socket.send('x', 9998, '127.0.0.1');
  await sleep(60);
  socket.close();
  return faultOf(live.stop());
}

/** A visitor that keeps what it was only lent. */
async function keeping() {
  const lent = [];
  const live = await ring.start({
    node: here,
    interface: 'lo',
    filter: { kind: 'tunnel', port: 9997 },
    onFrame: frame => lent.push({ ...frame }),
  });
  const socket = createSocket('udp4');
  socket.send('x', 9997, '127.0.0.1');
  await sleep(60);
  socket.close();
  await live.stop();
  const [{ bytes, view, start, end }] = lent;
  return {
    length: end - start,
    sum: bytes.reduce((sum, byte) => sum + byte, 0) + view.getUint32(start),
  };
}

/** A tun device has packets without a link-layer header; its kind can be changed at will. */
async function tun() {
  const TUNSETIFF = 0x400454ca;
  const TUNSETLINK = 0x400454cd;
  const IFF_TUN_NO_PI = 0x1001;
  let device;
  try {
    device = openSync('/dev/net/tun', 'r+');
  } catch (thrown) {
    return { unavailable: thrown.message };
  }
  try {
    const libc = await loadLibc();
    const request = new Uint8Array(40);
    request.set(Buffer.from('tun7'));
    new Uint16Array(request.buffer)[8] = IFF_TUN_NO_PI;
    if (libc.ioctl(device, TUNSETIFF, request) !== 0) return { unavailable: 'TUNSETIFF' };
    ip('link', 'set', 'dev', 'tun7', 'addrgenmode', 'none', 'up');
    const packet = Buffer.from('4500001d00010000401166cd0a0000010a0000020bb8211800090000ff', 'hex');
    const captures = await Promise.all(
      [
        [ring, EVERYTHING],
        [tcpdump, EVERYTHING],
        [ring, { kind: 'tunnel', port: 8472 }],
        [tcpdump, { kind: 'tunnel', port: 8472 }],
      ].map(([engine, filter]) => capture(engine, here, 'tun7', filter)),
    );
    writeSync(device, packet);
    const ended = await Promise.all(captures.map(({ end }) => end()));
    ip('link', 'set', 'dev', 'tun7', 'down');
    const { default: koffi } = await import('koffi');
    koffi.load(null).func('int ioctl(int, unsigned long, ...)')(device, TUNSETLINK, 'long', 801);
    ip('link', 'set', 'dev', 'tun7', 'up');
    return {
      packet: packet.toString('hex'),
      ended,
      otherKind: await faultOf(start(ring, here, 'tun7')),
    };
  } finally {
    closeSync(device);
  }
}
