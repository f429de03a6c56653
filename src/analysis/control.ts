/**
 * The control of a live run: a connection that cannot have the fault, made first. Only if it is seen
 * clean at every capture point is silence there evidence of anything.
 */
import { formatEndpoint } from '../wire/address.js';
import { layerOf } from './connections.js';
import type { ExaminedConnection } from './examined-connection.js';
import type { AnalysisInput, ProbedConnection } from './input.js';
import type { PortFinding } from './outer-port.js';
import type { ControlReport } from './verdict.js';

/** Whether an examined connection is one that the probe opened, by its client and its target. */
export function isProbed(examined: ExaminedConnection, probed: ProbedConnection): boolean {
  return !examined.connection.isReply && belongsTo(examined, probed);
}

/** The same, or the answers to it. */
export function belongsTo({ connection }: ExaminedConnection, probed: ProbedConnection): boolean {
  const source = formatEndpoint(connection.source, connection.sourcePort);
  const destination = formatEndpoint(connection.destination, connection.destinationPort);
  const [local, target] = connection.isReply ? [destination, source] : [source, destination];
  return local === probed.local && target === probed.target;
}

/** Why a live run proves nothing by its silence; `undefined` where it may, or is no live run. */
export function controlFault(
  { run }: AnalysisInput,
  control: ControlReport | undefined,
): string | undefined {
  if (!run) return undefined;
  if (!control) return 'the run made no control connection';
  return control.clean ? undefined : control.statement;
}

/** What became of the control; `undefined` where the input is no live run, or has none. */
export function judgeControl(
  input: AnalysisInput,
  examined: readonly ExaminedConnection[],
): ControlReport | undefined {
  const probed = input.run?.connections.find(({ purpose }) => purpose === 'control');
  if (!probed) return undefined;
  const found = examined.find(connection => isProbed(connection, probed));
  const seenAt = found?.sightings.map(({ capture }) => capture.name) ?? [];
  const fault = faultOf(input, probed, found, seenAt, examined);
  return {
    source: probed.local ?? '',
    destination: probed.target,
    clean: fault === undefined,
    connectSeconds: probed.connectSeconds ?? null,
    seenAt,
    statement: fault ?? `connected, with right checksums at all ${seenAt.length} capture points`,
  };
}

function faultOf(
  input: AnalysisInput,
  probed: ProbedConnection,
  found: ExaminedConnection | undefined,
  seenAt: readonly string[],
  examined: readonly ExaminedConnection[],
): string | undefined {
  if (probed.result !== 'connected' && probed.result !== 'answered')
    return `the control did not connect: ${probed.result}`;
  if ((probed.retransmits ?? 0) > 0) return 'the control itself needed retransmits';
  if (!found) return 'no capture shows the control';
  const blind = input.captures.filter(
    capture => layerOf(capture) !== 'tap' && !seenAt.includes(capture.name),
  );
  if (blind.length > 0) {
    return `the control was not seen in ${blind.map(({ name }) => name).join(', ')}`;
  }
  const wrong = found.ports.find(({ state }) => state !== 'valid' && state !== 'zero');
  if (wrong) return `the control's own outer checksum is ${wrong.state}`;
  const isWrong = ({ state }: PortFinding) => ['stale', 'mangled', 'invalid'].includes(state);
  const answers = examined.filter(other => other !== found && belongsTo(other, probed));
  return answers.some(({ ports }) => ports.some(isWrong))
    ? 'answers to the control have a wrong outer checksum'
    : undefined;
}
