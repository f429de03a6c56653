/** From a node's description to the node itself. */
import { containerNode } from './container.js';
import { type NodeDescription, nameOf } from './description.js';
import { type ClusterSettings, openKubectl } from './kubectl.js';
import { localNode } from './local.js';
import { netnsNode } from './netns.js';
import type { Node, OpenNode } from './node.js';
import { processNode } from './process.js';
import { openSsh } from './ssh.js';

/** What a description does not say. */
export interface OpenSettings {
  readonly cluster?: ClusterSettings;
  /** Ends an opening that waits, once it is aborted. */
  readonly signal?: AbortSignal;
}

/**
 * Opens a node. Whoever does closes it; after a fault there is nothing to close.
 *
 * @throws StalesumError `unavailable` if it cannot be reached or is not there, `not-permitted`,
 *   `missing-tool`, `usage`
 */
export async function openNode(
  description: NodeDescription,
  { cluster, signal }: OpenSettings = {},
): Promise<OpenNode> {
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
    case 'kubectl':
      return openKubectl(description.node, cluster, signal);
    case 'ssh':
      return openSsh(description.destination, name);
  }
}

function withoutMore(node: Node): OpenNode {
  return { node, notes: [], close: async () => undefined };
}
