/** What a node's conntrack knows of the tunnel. */
import { messageOf, StalesumError } from '../errors.js';
import type { Node } from '../node/node.js';
import type { Scenario } from './scenario.js';

/**
 * Deletes the entries of the datagrams sent to the tunnel port. Where all flows share one outer port,
 * the entry of the connection before would otherwise be that of the next one as well.
 */
export async function forgetTunnelFlows(node: Node, { vxlan }: Scenario): Promise<void> {
  const { underlay, tunnel } = vxlan;
  const args = ['-D', '-f', underlay, '-p', 'udp', '--orig-port-dst', String(tunnel.port)];
  const { exitCode, stderr } = await node.run('conntrack', args, { mayFail: true });
  // It fails, too, if there is nothing to delete.
  if (exitCode !== 0 && !/: 0 flow entries have been deleted/.test(stderr)) {
    throw new StalesumError('internal', messageOf(`${node.name}: conntrack -D: ${stderr}`));
  }
}
