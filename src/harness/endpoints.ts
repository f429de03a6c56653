/** Which endpoints a target leads to, as the client's node sees it. */
import { StalesumError } from '../errors.js';
import type { Node } from '../node/node.js';
import { probe, type Target } from '../probe/connect.js';
import { inspectFiles } from '../rules/inspect.js';
import { readLiveFiles } from '../snapshot/live-files.js';
import { isRules } from '../snapshot/node-files.js';
import { formatEndpoint } from '../wire/address.js';
import { type KnownNode, routeTo } from './tunnel.js';

export interface Endpoints {
  readonly endpoints: readonly Target[];
  /** How they were found. */
  readonly by: 'route' | 'rules' | 'cluster' | 'conntrack';
}

type Protocol = 'tcp' | 'udp';

/** A connection that is made only to see where it is led. Seconds. */
const TRIAL_SECONDS = 3;

/**
 * The endpoints behind a target: itself where the tunnel leads to it, those of the node's rules, or, with
 * IPVS and the like, those that the cluster names, or the one that conntrack holds after a connection was
 * tried.
 *
 * @param known what the cluster's API says; empty where it was not asked
 * @throws StalesumError `usage` if none can be found
 */
export async function endpointsOf(
  { node, network }: KnownNode,
  target: Target,
  protocol: Protocol,
  known: readonly Target[] = [],
): Promise<Endpoints> {
  const { device } = await routeTo(node, target.address);
  if (network.vxlan.some(({ name }) => name === device)) {
    return { endpoints: [target], by: 'route' };
  }
  const ruled = await endpointsByRules(node, target, protocol);
  if (ruled.length > 0) return { endpoints: ruled, by: 'rules' };
  if (known.length > 0) return { endpoints: known, by: 'cluster' };
  const tracked = await endpointByConntrack(node, target, protocol);
  if (tracked) return { endpoints: [tracked], by: 'conntrack' };
  const name = formatEndpoint(target.address, target.port);
  throw new StalesumError(
    'usage',
    `${node.name}: neither its rules nor conntrack say which endpoint behind a VXLAN ${name}/${protocol} leads to`,
    'the target must be a service with an endpoint on another node, or a pod there',
  );
}

async function endpointsByRules(
  node: Node,
  target: Target,
  protocol: Protocol,
): Promise<readonly Target[]> {
  const files = await readLiveFiles(node);
  if (!files.files.some(isRules)) return [];
  const { predictions } = inspectFiles(files, { target, protocol, source: 'host', order: [] });
  const names = new Set(predictions.flatMap(({ flow }) => flow.endpoints));
  return [...names].flatMap(name => parseEndpoint(name) ?? []);
}

async function endpointByConntrack(
  node: Node,
  target: Target,
  protocol: Protocol,
): Promise<Target | undefined> {
  const { address, port } = target;
  await probe(node, {
    protocol,
    purpose: 'target',
    target,
    attempts: 1,
    bytes: 0,
    timeoutSeconds: TRIAL_SECONDS,
  });
  const family = address.includes(':') ? 'ipv6' : 'ipv4';
  const { stdout } = await node.run(
    'conntrack',
    [
      ...['-L', '-f', family, '-p', protocol],
      ...['--orig-dst', address, '--orig-port-dst', String(port)],
    ],
    { mayFail: true },
  );
  const reply =
    /\bdport=\d+ (?:packets=\d+ bytes=\d+ )?(?:\[UNREPLIED\] )?src=(\S+) dst=\S+ sport=(\d+)/;
  const [, source, sourcePort] = reply.exec(stdout) ?? [];
  if (source === undefined || source === address) return undefined;
  return { address: source, port: Number(sourcePort) };
}

function parseEndpoint(text: string): Target | undefined {
  const match = /^(?:\[(.+)\]|([^:]+)):(\d+)$/.exec(text);
  const address = match?.[1] ?? match?.[2];
  return address === undefined ? undefined : { address, port: Number(match?.[3]) };
}
