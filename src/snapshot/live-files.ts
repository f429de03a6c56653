/** The same files from a node that can be asked. What is missing there is a gap, not a fault. */
import type { Node } from '../node/node.js';
import { readKubeProxy } from './live-kube-proxy.js';
import { type NodeFiles, recognise } from './node-files.js';
import { parseNetwork } from './read-network.js';
import { gapsOf, type ReadingAnswer, takeReadings } from './reading.js';
import {
  CNI_READINGS,
  CONNTRACK_STATS,
  hasOwnFiles,
  NETWORK_READINGS,
  offloadReading,
  RULE_READINGS,
  SYSTEM_READINGS,
  sysctlReading,
} from './readings.js';

/** Reads a node. */
export async function readLiveFiles(node: Node): Promise<NodeFiles> {
  const own = hasOwnFiles(node);
  const [network, others, kubeProxy] = await Promise.all([
    readNetwork(node),
    takeReadings(node, [
      ...RULE_READINGS,
      ...SYSTEM_READINGS,
      ...(own ? CNI_READINGS : []),
      { ...CONNTRACK_STATS, optional: true },
      sysctlReading(['net.ipv4.ip_local_port_range']),
    ]),
    own ? readKubeProxy(node) : [],
  ]);
  const answers = [...others, ...network, ...kubeProxy];
  const files = answers.flatMap(({ record, text }) =>
    text === undefined ? [] : (recognise(record.file, text) ?? []),
  );
  return { files, gaps: gapsOf(answers), readings: answers.map(({ record }) => record) };
}

/** Links first, as they tell whose offload is of interest. */
async function readNetwork(node: Node): Promise<ReadingAnswer[]> {
  const answers = await takeReadings(node, NETWORK_READINGS);
  const { vxlan, routes } = parseNetwork(answers.flatMap(({ text }) => text ?? []));
  const uplink = routes.find(({ destination }) => destination === 'default')?.device;
  const devices = [...vxlan.flatMap(({ name, underlay }) => [name, underlay]), uplink];
  const known = new Set(devices.filter(name => name !== undefined));
  const offload = await takeReadings(node, [...known].map(offloadReading));
  return [...answers, ...offload];
}
