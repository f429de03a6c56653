/** From a node's description to the node itself. */
import { containerNode } from './container.js';
import { type NodeDescription, nameOf } from './description.js';
import { localNode } from './local.js';
import { netnsNode } from './netns.js';
import type { Node, OpenNode } from './node.js';
import { processNode } from './process.js';
import { openSsh } from './ssh.js';

/**
 * Opens a node. Whoever does closes it, also after a fault.
 *
 * @throws StalesumError `unavailable` if it cannot be reached or is not there, `not-permitted`,
 *   `missing-tool`, `usage`
 */
export async function openNode(description: NodeDescription): Promise<OpenNode> {
  const name = nameOf(description);
  switch (description.kind) {
    case 'local':
      return withoutMore(localNode(name));
    case 'netns':
      return withoutMore(netnsNode(name));
    case 'pid':
      return withoutMore(processNode(name, description.pid));
    case 'docker':
    case 'podman':
      return containerNode(description.kind, description.container);
    case 'ssh':
      return openSsh(description.destination, name);
  }
}

function withoutMore(node: Node): OpenNode {
  return { node, notes: [], close: async () => undefined };
}
