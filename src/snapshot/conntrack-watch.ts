/** `conntrack -E`, saved as it prints: entries are gone long before anybody looks. */
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf, StalesumError } from '../errors.js';
import type { Node } from '../node/node.js';
import { SNAPSHOT_FILES } from './read-folder.js';

/** NETLINK_NETFILTER, include/uapi/linux/netlink.h. */
const NETLINK_NETFILTER = '12';
const POLL_MILLISECONDS = 20;
const POLLS = 150;

export interface ConntrackWatch {
  stop(): Promise<void>;
}

/**
 * Starts the watch; resolves when the kernel lists it as a listener for events.
 *
 * @throws StalesumError `missing-tool`, or `internal` if conntrack ends or never listens
 */
export async function watchConntrack(node: Node, folder: string): Promise<ConntrackWatch> {
  const before = await listeners(node);
  const running = node.start('conntrack', ['-E', '-o', 'timestamp']);
  const file = createWriteStream(join(folder, SNAPSHOT_FILES.conntrackEvents), { flags: 'wx' });
  let words = '';
  running.stderr.on('data', chunk => {
    words += String(chunk);
  });
  running.stdout.pipe(file);
  const written = finished(file);
  // What can no longer be written is read all the same: a full pipe would hold conntrack up.
  written.catch(() => running.stdout.resume());
  let over = false;
  void running.ended.then(() => {
    over = true;
  });
  for (let polls = 0; (await listeners(node)) <= before; polls++) {
    if (over || polls === POLLS) {
      await running.stop();
      const reason = messageOf(words || 'it never listened');
      throw new StalesumError('internal', `${node.name}: conntrack -E: ${reason}`);
    }
    await sleep(POLL_MILLISECONDS);
  }
  return {
    stop: async () => {
      await running.stop('SIGINT');
      await written.catch(thrown => {
        throw new StalesumError('write-failed', `${String(file.path)}: ${messageOf(thrown)}`);
      });
    },
  };
}

/** Netlink sockets of the node's namespace that have joined a netfilter event group. */
async function listeners(node: Node): Promise<number> {
  const { stdout } = await node.run('cat', ['/proc/net/netlink']);
  return stdout.split('\n').filter(line => {
    const [, protocol, , groups] = line.trim().split(/\s+/);
    return protocol === NETLINK_NETFILTER && /[1-9a-f]/.test(groups ?? '');
  }).length;
}
