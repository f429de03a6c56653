/** Comments in a bundle's captures, once its verdict is known: on each frame that convicts, and on losses. */
import { createReadStream, createWriteStream } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { CaptureReport, VerdictDocument } from '../analysis/verdict.js';
import { readCaptureFile } from '../capture-file/file.js';
import { type Annotations, annotatedPcapng } from '../capture-file/pcapng-annotate.js';
import { messageOf, StalesumError } from '../errors.js';
import { readRunFile, tunnelPortsOf } from '../evidence/run-record.js';
import { sha256Of } from '../evidence/sums.js';
import { formatAddress, formatEndpoint } from '../wire/address.js';
import { emptyFinding, judgePacket } from '../wire/checksum-state.js';
import { emptyPacket, type Packet, walkPacket } from '../wire/packet.js';
import * as udp from '../wire/udp.js';
import { unfinishedName } from '../write-whole.js';
import {
  type ConvictedFlow,
  companionComments,
  convictedFlows,
  type PortBefore,
  wrongDatagramComment,
} from './frame-comments.js';

/**
 * Annotates the pcapng captures of a bundle; each is replaced as a whole. Returns the verdict with the
 * hashes of the files as they are then.
 *
 * @throws StalesumError `write-failed`
 */
export async function annotateCaptures(
  folder: string,
  verdict: VerdictDocument,
): Promise<VerdictDocument> {
  const flows = convictedFlows(verdict);
  const companions = companionComments(verdict);
  const tunnelPorts = tunnelPortsOf(await readRunFile(folder));
  const captures: CaptureReport[] = [];
  for (const capture of verdict.captures) {
    const path = join(folder, capture.name);
    if (!capture.name.endsWith('.pcapng') || capture.truncated) {
      captures.push(capture);
      continue;
    }
    const frames = await wrongFrames(path, flows, tunnelPorts);
    for (const [number, text] of companions.get(capture.name) ?? []) {
      if (!frames.has(number)) frames.set(number, text);
    }
    await rewrite(path, { file: [statisticsText(capture)], frames });
    captures.push({ ...capture, sha256: await sha256Of(path) });
  }
  return { ...verdict, captures };
}

/** Wireshark shows the counts of a capture in a window of its own; capinfos shows them so. */
function statisticsText({ frames, kernelDrops }: CaptureReport): string {
  const dropped =
    kernelDrops === null ? 'drops not counted' : `${kernelDrops} dropped by the kernel`;
  return `${frames} frames captured, ${dropped}.`;
}

/** The frames of a capture whose outer checksum is wrong for a reason that is known. */
async function wrongFrames(
  path: string,
  flows: readonly ConvictedFlow[],
  tunnelPorts: ReadonlySet<number>,
): Promise<Map<number, string>> {
  const comments = new Map<number, string>();
  if (flows.length === 0) return comments;
  const packet = emptyPacket();
  const [inner, outer] = [emptyFinding(), emptyFinding()];
  await readCaptureFile(
    path,
    ({ view, start, end, linkType, originalLength, number }) => {
      const kind = walkPacket(view, start, end, linkType, tunnelPorts, packet, originalLength);
      if (kind !== 'tunnel') return;
      judgePacket(view, packet, inner, outer);
      if (outer.state !== 'mismatch') return;
      const sourcePort = udp.sourcePort(view, packet.udp);
      const before = portBefore(view, packet, sourcePort, flows);
      if (!before) return;
      const { stored, correct } = outer;
      const innerPending = inner.state === 'partial';
      comments.set(
        number,
        wrongDatagramComment({ sourcePort, stored, correct, innerPending }, before),
      );
    },
    { sha256: false },
  );
  return comments;
}

function portBefore(
  view: DataView,
  { ip, sourcePort, destinationPort }: Packet,
  outerPort: number,
  flows: readonly ConvictedFlow[],
): PortBefore | undefined {
  if (ip.version === 0) return undefined;
  const address = (at: number) => formatAddress(view, at, ip.addressLength);
  const source = formatEndpoint(address(ip.sourceAt), sourcePort);
  const destination = formatEndpoint(address(ip.destinationAt), destinationPort);
  return flows
    .find(flow => flow.source === source && flow.destination === destination)
    ?.ports.get(outerPort);
}

async function rewrite(path: string, annotations: Annotations): Promise<void> {
  const unfinished = unfinishedName(path);
  try {
    await pipeline(
      createReadStream(path, { highWaterMark: 1 << 18 }),
      chunks => annotatedPcapng(chunks as AsyncIterable<Uint8Array>, annotations),
      createWriteStream(unfinished),
    );
    const file = await open(unfinished, 'r+');
    await file.sync().finally(() => file.close());
    await rename(unfinished, path);
  } catch (thrown) {
    await rm(unfinished, { force: true }).catch(() => undefined);
    throw new StalesumError('write-failed', `${path}: ${messageOf(thrown)}`);
  }
}
