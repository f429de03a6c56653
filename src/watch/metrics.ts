/**
 * What a watch counts, as Prometheus reads it: the text exposition format 0.0.4
 * (https://prometheus.io/docs/instrumenting/exposition_formats/). Labels have few values: interfaces, two
 * directions, kinds. No flow is ever a label.
 */
import { TOOL } from '../version.js';
import type { DatagramCounts, Direction, InterfaceTotals } from './counts.js';
import type { FlowKind } from './flow-memory.js';

export const METRICS_CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

export interface MeteredInterface {
  readonly name: string;
  readonly counts: DatagramCounts;
  readonly totals: InterfaceTotals;
}

export interface Meters {
  /** Seconds of the epoch. */
  readonly startTime: number;
  readonly interfaces: readonly MeteredInterface[];
  readonly found: Readonly<Record<FlowKind, number>>;
  readonly retractions: number;
  readonly flowsHeld: number;
  readonly flowsEvicted: number;
  readonly linesDropped: number;
  readonly evidence: { readonly frames: number; readonly bytes: number; readonly size: number };
}

type Labels = Readonly<Record<string, string>>;
type Sample = readonly [labels: Labels, value: number];

const DIRECTIONS: readonly Direction[] = ['in', 'out'];

/** The whole page. */
export function metricsText(meters: Meters): string {
  const perInterface = (value: (totals: InterfaceTotals) => number): Sample[] =>
    meters.interfaces.map(({ name, totals }) => [{ interface: name }, value(totals)]);
  const perDirection = (kind: FlowKind): Sample[] =>
    meters.interfaces.flatMap(({ name, counts }) =>
      DIRECTIONS.map(
        (direction): Sample => [{ interface: name, direction }, counts.of(kind, direction)],
      ),
    );
  return [
    gauge('build_info', 'The version that is running.', [[{ version: TOOL.version }, 1]]),
    gauge('start_time_seconds', 'When the watch began, in seconds of the epoch.', [
      [{}, meters.startTime],
    ]),
    gauge(
      'interface_up',
      'Whether the interface is captured on (1), or is down or away (0).',
      perInterface(({ up }) => (up ? 1 : 0)),
    ),
    counter(
      'interface_interruptions_total',
      'How often the interface went down or away.',
      perInterface(({ interruptions }) => interruptions),
    ),
    counter(
      'stale_datagrams_total',
      'Tunnel datagrams whose outer checksum is still that of the source port before a second SNAT.',
      perDirection('stale'),
    ),
    counter(
      'mangled_datagrams_total',
      'Tunnel datagrams whose zero outer checksum was made 0xffff by a second SNAT.',
      perDirection('mangled'),
    ),
    counter(
      'corrupt_datagrams_total',
      'Tunnel datagrams whose outer checksum is wrong for another reason.',
      perDirection('other'),
    ),
    counter(
      'examined_datagrams_total',
      'Tunnel datagrams with an outer checksum in use that were verified.',
      perInterface(({ examined }) => examined),
    ),
    counter(
      'unverifiable_datagrams_total',
      'Of those examined, first fragments and others that are not whole.',
      perInterface(({ unverifiable }) => unverifiable),
    ),
    counter(
      'passed_over_datagrams_estimated_total',
      'Estimate of the datagrams that a sample did not take.',
      perInterface(({ passedOver }) => passedOver),
    ),
    gauge(
      'sampling_one_in',
      'One in so many datagrams is verified, of those that begin a connection and of the others; 1 is all.',
      meters.interfaces.flatMap(({ name, totals: { sampling } }): Sample[] => [
        [{ interface: name, kind: 'first' }, sampling.first],
        [{ interface: name, kind: 'other' }, sampling.other],
      ]),
    ),
    counter(
      'kernel_drops_total',
      'Datagrams that should have been verified and were lost for want of room in the ring.',
      perInterface(({ kernelDrops }) => kernelDrops),
    ),
    counter(
      'ring_freezes_total',
      'How often the kernel found no room in the ring.',
      perInterface(({ freezes }) => freezes),
    ),
    counter(
      'flows_reported_total',
      'Flows that were reported, each once, by kind.',
      Object.entries(meters.found).map(([kind, count]): Sample => [{ kind }, count]),
    ),
    counter('retractions_total', 'Findings that later datagrams refuted.', [
      [{}, meters.retractions],
    ]),
    gauge('flows', 'Reported flows that are remembered.', [[{}, meters.flowsHeld]]),
    counter('flows_evicted_total', 'Remembered flows that made room for others.', [
      [{}, meters.flowsEvicted],
    ]),
    counter(
      'lines_dropped_total',
      'Findings that were counted and not printed: too many of them, or nobody read in time.',
      [[{}, meters.linesDropped]],
    ),
    counter('evidence_frames_total', 'Frames written as evidence.', [[{}, meters.evidence.frames]]),
    counter('evidence_written_bytes_total', 'Bytes written as evidence.', [
      [{}, meters.evidence.bytes],
    ]),
    gauge('evidence_bytes', 'Bytes of evidence on disk.', [[{}, meters.evidence.size]]),
  ].join('');
}

function gauge(name: string, help: string, samples: readonly Sample[]): string {
  return family(name, 'gauge', help, samples);
}

function counter(name: string, help: string, samples: readonly Sample[]): string {
  return family(name, 'counter', help, samples);
}

function family(name: string, type: string, help: string, samples: readonly Sample[]): string {
  const full = `${TOOL.name}_${name}`;
  const lines = samples.map(([labels, value]) => `${full}${labelText(labels)} ${value}\n`);
  return `# HELP ${full} ${help}\n# TYPE ${full} ${type}\n${lines.join('')}`;
}

function labelText(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

/** A backslash, a quote and a line feed are all that the format escapes. */
function escaped(value: string): string {
  return value.replace(/\\/g, '\\\\').replace(/"/g, '\\"').replace(/\n/g, '\\n');
}
