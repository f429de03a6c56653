import type { Node } from './node.js';
import { machineNode } from './this-machine.js';

/**
 * The node `local`: this machine, in the namespaces that this process is in.
 *
 * @throws StalesumError `missing-tool` without setpriv of util-linux.
 */
export function localNode(name = 'local'): Node {
  return { ...machineNode(name, []), networkNamespace: '/proc/self/ns/net' };
}
