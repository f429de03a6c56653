/** A node whose commands wait for each other, where what carries them bears only so many. */
import type { Node } from './node.js';

/** The same node; at most `atOnce` of its commands run at a time, beside those that go on. */
export function limited(node: Node, atOnce: number): Node {
  const waiting: (() => void)[] = [];
  let running = 0;
  const turn = async () => {
    if (running >= atOnce) await new Promise<void>(resolve => waiting.push(resolve));
    else running++;
  };
  const done = () => {
    const next = waiting.shift();
    if (next) next();
    else running--;
  };
  return {
    ...node,
    run: async (...call) => {
      await turn();
      try {
        return await node.run(...call);
      } finally {
        done();
      }
    },
  };
}
