/** Which two nodes a run is between, and what is connected to, from the options of `reproduce`. */
import { StalesumError } from '../errors.js';
import { choosePair } from '../harness/choose-pair.js';
import type { AtEnd } from '../harness/cleanup.js';
import { deployTarget } from '../harness/deploy-target.js';
import { lifetimeOf, type PairOptions } from '../harness/run.js';
import { parseTarget } from '../harness/target.js';
import { kubectl } from '../kubernetes/client.js';
import { parseNode } from '../node/description.js';
import type { Voice } from '../terminal/voice.js';
import { clusterSettings } from './between-options.js';
import type { ReproduceOptions } from './reproduce-options.js';

export type Between = Pick<PairOptions, 'from' | 'to' | 'target' | 'protocol' | 'endpoints'>;

/** Settles which it is, within the run; what it makes for that is undone at the run's end. */
export type ChoosePair = (atEnd: AtEnd, signal: AbortSignal) => Promise<Between>;

/**
 * What is named in full, what the cluster has for it, or what is yet to be made there. Everything that can be
 * refused before the run is refused here.
 *
 * @throws StalesumError `usage`; `unavailable`, `not-permitted`, `missing-tool` of kubectl
 */
export async function pairFor(options: ReproduceOptions, voice: Voice): Promise<ChoosePair> {
  const { protocol, target: text } = options;
  const from = options.from === undefined ? undefined : parseNode(options.from);
  const to = options.to === undefined ? undefined : parseNode(options.to);
  const say = ({ notes, ...pair }: Between & { readonly notes: readonly string[] }) => {
    for (const note of notes) voice.warn(note);
    return pair;
  };
  if (options.deployTarget) {
    if (text !== undefined || protocol === 'udp') throw onlyTcp();
    const client = kubectl(options.context);
    return async (atEnd, signal) => {
      voice.show('cluster  making the target');
      const lifetimeSeconds = lifetimeOf(options.timeout);
      const settings = { ...clusterSettings(options), lifetimeSeconds };
      return say(await deployTarget(client, { from, to }, settings, atEnd, signal));
    };
  }
  if (text === undefined) throw incomplete();
  const target = parseTarget(text);
  if (target.kind === 'address') {
    if (!from || !to) throw incomplete();
    return async () => ({ from, to, target, protocol: protocol ?? 'tcp', endpoints: [] });
  }
  voice.show('cluster  looking up the target');
  const pair = say(await choosePair(kubectl(options.context), { from, to, target, protocol }));
  return async () => pair;
}

function incomplete(): StalesumError {
  return new StalesumError(
    'usage',
    'expected --from, --to and --target together, or none of them for the lab',
    'with --target svc/NAMESPACE/NAME:PORT or pod/NAMESPACE/NAME:PORT, or --deploy-target, the cluster chooses the nodes',
  );
}

function onlyTcp(): StalesumError {
  return new StalesumError(
    'usage',
    '--deploy-target is a target of its own, and listens on TCP only',
    'for DNS: --target svc/kube-system/kube-dns:dns',
  );
}
