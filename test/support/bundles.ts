/** Bundles made of the recordings, as a run would have written them. */
import { copyFileSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { readCaptureFile } from '../../src/capture-file/file.js';
import { CaptureWriter } from '../../src/evidence/capture-writer.js';
import { DEFAULT_TUNNEL_PORTS } from '../../src/wire/packet.js';
import type { Recording } from './recordings.js';

/** Writes the recording into a folder: snapshots as they are, captures through the writer of a run. */
export async function writeAsRun(
  { folder: from }: Recording,
  to: string,
  { keepPayload = false } = {},
): Promise<void> {
  for (const node of ['node-a', 'node-b']) {
    mkdirSync(join(to, node), { recursive: true });
    for (const name of readdirSync(join(from, node))) {
      const [source, target] = [join(from, node, name), join(to, node, name)];
      if (!name.endsWith('.pcap')) copyFileSync(source, target);
      else await convert(source, `${target}ng`, keepPayload);
    }
  }
}

async function convert(source: string, target: string, keepPayload: boolean): Promise<void> {
  const described = { name: 'eth0', description: 'as recorded', filter: '' };
  const writer = new CaptureWriter(target, described, {
    keepPayload,
    tunnelPorts: DEFAULT_TUNNEL_PORTS,
    onFault: fault => {
      throw fault;
    },
  });
  const { interfaces, frames } = await readCaptureFile(source, writer.visit);
  writer.end(interfaces[0]!.linkType, 0, frames);
}
