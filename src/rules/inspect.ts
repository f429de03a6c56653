/** From the files of a node to its predictions. */
import { StalesumError } from '../errors.js';
import { parseKernel } from '../snapshot/kernel.js';
import { parseKubeProxy } from '../snapshot/kube-proxy.js';
import { EMPTY_NETWORK } from '../snapshot/network.js';
import type { NodeFile, NodeFiles } from '../snapshot/node-files.js';
import { parseOffload } from '../snapshot/offload.js';
import { parseNetwork } from '../snapshot/read-network.js';
import { parseSysctls } from '../snapshot/sysctl.js';
import { TOOL } from '../version.js';
import { canonicalAddress, familyOf } from './address.js';
import { environmentOf } from './environment.js';
import { contradictions, postroutingRules } from './kube-proxy.js';
import { loadRules } from './load.js';
import { type PredictionFacts, predict } from './predict.js';
import { PREDICTION_SCHEMA, type Prediction, type PredictionDocument } from './prediction.js';
import { type KnownSender, senderFrom } from './sender.js';
import { type Service, servicesOf } from './services.js';
import type { Flow, Source } from './two-passes.js';

export interface InspectRequest {
  readonly target: { readonly address: string; readonly port: number } | undefined;
  readonly protocol: 'tcp' | 'udp' | undefined;
  readonly source: Source;
  /** Names of the files in the order in which they were loaded; may be empty. */
  readonly order: readonly string[];
}

/** Predicts the flow asked for, or one to each service that leads to another node. */
export function inspectFiles(
  { files, gaps, readings = [] }: NodeFiles,
  request: InspectRequest,
): PredictionDocument {
  const { ruleset, order, unread, sources } = loadRules(files, request.order);
  const texts = (kind: NodeFile['kind']) =>
    files.filter(file => file.kind === kind).map(({ text }) => text);
  const ip = texts('ip');
  const settings = texts('sysctl');
  const offload = texts('offload');
  const facts: PredictionFacts = {
    ruleset,
    unread,
    offload: offload.length === 0 ? undefined : parseOffload(offload.join('\n')),
    kernel: parseKernel(texts('kernel'), texts('os-release')),
    kubeProxy: parseKubeProxy(texts('kube-proxy')),
  };
  const sender = senderFrom({
    book: { ruleset, order },
    network: ip.length === 0 ? EMPTY_NETWORK : parseNetwork(ip),
    sysctls: settings.length === 0 ? undefined : parseSysctls(settings.join('\n')),
    target: request.target?.address,
  });
  return {
    schema: PREDICTION_SCHEMA,
    tool: TOOL,
    predictions: predictions(request, sender, facts),
    sources,
    gaps: [...gaps, ...unreadWhereUsed(request, sender, facts), ...missing(files, facts)],
    environment: environmentOf(facts.kernel, facts.kubeProxy, files),
    warnings: contradictions(facts.kubeProxy, ruleset),
    readings,
  };
}

/** IPv6 rules are asked for only where something of IPv6 passes them. */
function unreadWhereUsed(
  { target }: InspectRequest,
  { network }: KnownSender,
  { unread }: PredictionFacts,
): string[] {
  const addresses = [target?.address, ...network.vxlan.map(({ local }) => local)];
  const used = new Set(['ip', ...addresses.flatMap(text => (text ? familyOf(text) : []))]);
  return [...unread].filter(([family]) => used.has(family)).map(([, text]) => text);
}

const ONLY_LISTED =
  'iptables-save: only listings of iptables -nvL are here, which leave some matches out; iptables-save -c has all';

function missing(
  files: readonly NodeFile[],
  { offload, kernel, kubeProxy, ruleset }: PredictionFacts,
): string[] {
  const hasKubeProxy = postroutingRules(ruleset).length > 0;
  const has = (...kinds: readonly NodeFile['kind'][]) =>
    files.some(({ kind }) => kinds.includes(kind));
  return [
    ...(has('iptables-save')
      ? []
      : [has('iptables-listing') ? ONLY_LISTED : 'iptables-save of both back ends']),
    ...(has('nft-text', 'nft-json') ? [] : ['nft list ruleset: tables of nft alone are not seen']),
    ...(has('ip')
      ? []
      : ['links, addresses and routes (ip -d -j link; ip -j address; ip -j route)']),
    ...(offload ? [] : ['offload settings (ethtool -k of the VXLAN device and the NIC)']),
    ...(kernel === undefined ? ['the kernel version (uname -r)'] : []),
    ...(hasKubeProxy && kubeProxy?.version === undefined
      ? ['the version of kube-proxy (kube-proxy --version)']
      : []),
  ];
}

function predictions(
  request: InspectRequest,
  sender: KnownSender,
  facts: PredictionFacts,
): Prediction[] {
  const services = servicesOf(facts.ruleset);
  const of = ({ protocol, address, port, name }: Service & { readonly address: string }) => {
    const flow: Flow = { from: request.source, protocol, address, port };
    return predict(flow, name, sender, facts);
  };
  const { target } = request;
  if (target) return targets(target, request, services).map(of);
  return services
    .filter(service => isMeant(service, request))
    .flatMap(service => {
      const address = service.address ?? nodeAddress(sender);
      return address === undefined ? [] : [of({ ...service, address })];
    })
    .filter(({ verdict }) => verdict !== 'no-tunnel-traffic');
}

/** Clients outside use node ports and addresses that are given out; those inside all the others. */
function isMeant({ external, protocol }: Service, request: InspectRequest): boolean {
  if (request.protocol !== undefined && request.protocol !== protocol) return false;
  return external === (request.source === 'external');
}

function nodeAddress({ network }: KnownSender): string | undefined {
  const local = network.vxlan[0]?.local;
  return local ?? network.addresses.find(({ scope }) => scope === 'global')?.address;
}

type Addressed = Service & { readonly address: string };

/** The target as it was asked for: with each protocol that a service has there, else as tcp. */
function targets(
  { address, port }: NonNullable<InspectRequest['target']>,
  { protocol }: InspectRequest,
  services: readonly Service[],
): Addressed[] {
  const canonical = canonicalAddress(address);
  if (canonical === undefined) {
    throw new StalesumError('usage', `--target: "${address}" is not an address`);
  }
  const there = services.filter(
    service =>
      service.port === port &&
      (service.address === canonical || service.address === null) &&
      (protocol === undefined || service.protocol === protocol),
  );
  // A service's own address before a node port that has the same number.
  const exact = there.filter(service => service.address === canonical);
  const chosen = exact.length > 0 ? exact : there;
  if (chosen.length > 0) return chosen.map(service => ({ ...service, address: canonical }));
  const bare = { address: canonical, port, name: null, external: false };
  return [{ ...bare, protocol: protocol ?? 'tcp' }];
}
