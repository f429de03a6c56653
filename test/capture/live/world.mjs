// What the live scripts share. They run on node A of a lab, as plain Node on dist/: two namespaces of
// their own with a link between, a sender of raw frames, and captures whose frames are kept.
import { execFileSync } from 'node:child_process';
import koffi from 'koffi';
import { loadLibc } from '../../../dist/capture/libc.js';
import { loadNodePcap } from '../../../dist/capture/node-pcap.js';
import { openPacketSocket } from '../../../dist/capture/packet-socket.js';
import { pcap } from '../../../dist/capture/pcap.js';
import { ringEngine } from '../../../dist/capture/ring.js';
import { tcpdump } from '../../../dist/capture/tcpdump.js';
import { netnsNode } from '../../../dist/node/netns.js';

export const EVERYTHING = { kind: 'all' };

export const ip = (...args) => execFileSync('ip', args, { encoding: 'utf8' });

/** A link `left`-`right` between two new namespaces, on which nothing speaks of its own accord. */
export function makeLink() {
  for (const name of ['left', 'right']) ip('netns', 'add', name);
  ip('link', 'add', 'l0', 'netns', 'left', 'type', 'veth', 'peer', 'name', 'r0', 'netns', 'right');
  const nodes = { left: netnsNode('left'), right: netnsNode('right') };
  bringUp('left', 'l0');
  bringUp('right', 'r0');
  return nodes;
}

export function bringUp(namespace, device) {
  ip('-n', namespace, 'link', 'set', 'dev', device, 'addrgenmode', 'none');
  ip('-n', namespace, 'link', 'set', 'dev', device, 'up');
}

/** Smaller than usual, so that many fit beside each other. */
export const ring = ringEngine({ blocks: 16 });

/** All engines there are; why pcap is not among them, if it is not. */
export function allEngines() {
  try {
    loadNodePcap();
    return { engines: [ring, tcpdump, pcap] };
  } catch (fault) {
    return { engines: [ring, tcpdump], withoutPcap: fault.message };
  }
}

/** Starts a capture; `end` gives its frames and what it counted. */
export async function capture(engine, node, device, filter = EVERYTHING) {
  const frames = [];
  const live = await engine.start({
    node,
    interface: device,
    filter,
    onFrame: frame => frames.push(kept(frame)),
  });
  const end = async () => ({
    engine: engine.name,
    node: node.name,
    device,
    frames,
    statistics: await live.stop(),
  });
  return { live, frames, end };
}

function kept(frame) {
  return {
    hex: Buffer.from(frame.bytes.subarray(frame.start, frame.end)).toString('hex'),
    originalLength: frame.originalLength,
    seconds: frame.seconds,
    nanoseconds: frame.nanoseconds,
    direction: frame.direction,
    checksumPending: frame.checksumPending,
    linkType: frame.linkType,
    number: frame.number,
  };
}

/** Sends raw frames out of an interface. */
export async function sender(node, device) {
  const libc = await loadLibc();
  const sendto = koffi.load(null).func('long sendto(int, void *, size_t, int, void *, uint32_t)');
  const socket = openPacketSocket(libc, node.networkNamespace, node.name);
  const index = Number(/^(\d+):/.exec(ip('-n', node.name, 'link', 'show', 'dev', device))[1]);
  const address = new Uint8Array(20);
  new Uint16Array(address.buffer)[0] = 17;
  new Int32Array(address.buffer)[1] = index;
  address[11] = 6;
  return {
    send(frame) {
      const bytes = Uint8Array.from(frame);
      const sent = Number(sendto(socket, bytes, bytes.length, 0, address, 20));
      if (sent !== bytes.length) throw new Error(`sendto: ${sent}, error ${koffi.errno()}`);
    },
    close: () => libc.close(socket),
  };
}

/** A frame of an experimental ethertype with a number in it, so that each is another one. */
export function numbered(number, length = 60) {
  const frame = Buffer.alloc(length);
  frame.set([2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x88, 0xb5]);
  frame.writeUInt32BE(number, 14);
  return frame;
}

/** The fault of something that must fail. */
export async function faultOf(work) {
  try {
    await (typeof work === 'function' ? work() : work);
  } catch (fault) {
    return { kind: fault.kind, message: fault.message, remedy: fault.remedy };
  }
  return undefined;
}

export const print = value => process.stdout.write(`${JSON.stringify(value)}\n`);
