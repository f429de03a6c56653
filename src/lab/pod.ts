/** The pod's program, as the lab starts and ends it. */
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { messageOf, StalesumError } from '../errors.js';
import type { NetnsNode } from '../node/netns.js';
import type { RunningCommand } from '../node/node.js';
import { builtFile } from '../package-root.js';
import { WEB } from './layout.js';

export interface Listener {
  /** Settles when it listens on all its ports; rejects if it ends first. */
  readonly ready: Promise<void>;
  stop(): Promise<void>;
}

export function startListener(web: NetnsNode): Listener {
  const { address, ports } = WEB;
  const args = [builtFile('lab/listener.js'), address, String(ports.tcp), String(ports.udp)];
  const running = web.start(process.execPath, args, { openInput: true });
  const words = text(running.stderr).catch(messageOf);
  const ready = Promise.race([once(running.stdout, 'data'), diedEarly(running, words)]).then(
    () => undefined,
  );
  // If the build fails first, nobody waits for it.
  ready.catch(() => undefined);
  return {
    ready,
    stop: () => {
      running.closeInput();
      return running.stop('SIGTERM');
    },
  };
}

async function diedEarly(running: RunningCommand, words: Promise<string>): Promise<never> {
  await running.ended;
  throw new StalesumError('internal', messageOf(`the listener in pod web ended: ${await words}`));
}
