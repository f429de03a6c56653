/** From paths to a verdict: reads captures and snapshots, observes, and hands them to the analysis. */
import { analyze } from '../analysis/analyze.js';
import { CaptureObserver } from '../analysis/capture-observer.js';
import type { ExitPolicy } from '../analysis/exit-code.js';
import type { CaptureInput } from '../analysis/input.js';
import type { VerdictDocument } from '../analysis/verdict.js';
import { readCaptureFile } from '../capture-file/file.js';
import { readCaptureStream } from '../capture-file/stream.js';
import type { CaptureFileSummary } from '../capture-file/summary.js';
import { StalesumError } from '../errors.js';
import { readNodeSnapshot } from '../snapshot/read-folder.js';
import { linkTypeName } from '../wire/link-layer.js';
import { DEFAULT_TUNNEL_PORTS } from '../wire/packet.js';
import { type RunFile, readRunFile, runRecordOf } from './run-record.js';
import { type CaptureSource, expandSources, type Sources } from './sources.js';

export interface ExamineOptions {
  /** UDP ports taken for VXLAN besides the known ones. */
  readonly tunnelPorts: readonly number[];
  readonly policy: ExitPolicy;
}

/**
 * Examines capture files, recordings and bundles together.
 *
 * @throws StalesumError `bad-input` if a path is not there, or is no capture
 */
export async function examinePaths(
  paths: readonly string[],
  options: ExamineOptions,
): Promise<VerdictDocument> {
  return examineSources(await expandSources(paths), options);
}

/** The same for sources whose roles are known. */
export async function examineSources(
  sources: Sources,
  options: ExamineOptions,
): Promise<VerdictDocument> {
  if (sources.captures.length === 0) {
    throw new StalesumError('bad-input', 'no capture to analyse: the folder holds none');
  }
  const run = sources.recording === undefined ? undefined : await readRunFile(sources.recording);
  const ports = new Set([...DEFAULT_TUNNEL_PORTS, ...options.tunnelPorts]);
  const captures: CaptureInput[] = [];
  for (const source of sources.captures) captures.push(await readCapture(source, ports, run));
  const snapshots = await Promise.all(
    sources.nodes.map(({ folder, node }) => readNodeSnapshot(folder, node)),
  );
  return analyze(
    {
      captures,
      snapshots: snapshots.filter(snapshot => snapshot !== undefined),
      run: run && runRecordOf(run),
    },
    options.policy,
  );
}

async function readCapture(
  source: CaptureSource,
  tunnelPorts: ReadonlySet<number>,
  run: RunFile | undefined,
): Promise<CaptureInput> {
  const observer = new CaptureObserver(tunnelPorts);
  const summary =
    source.path === '-'
      ? await readCaptureStream(process.stdin, source.name, observer.visit)
      : await readCaptureFile(source.path, observer.visit);
  const told = run?.captures.find(({ name }) => name === source.name);
  const [first] = summary.interfaces;
  return {
    name: source.name,
    node: source.node,
    layer: source.layer,
    side: source.side,
    interface: first?.name ?? told?.interface,
    linkType: linkTypesOf(summary),
    kernelDrops: dropsOf(summary) ?? told?.kernelDrops,
    truncated: summary.truncated,
    sha256: summary.sha256 ?? undefined,
    observation: observer.result(),
  };
}

function linkTypesOf({ interfaces }: CaptureFileSummary): string {
  return [...new Set(interfaces.map(({ linkType }) => linkTypeName(linkType)))].join(', ');
}

function dropsOf({ interfaces }: CaptureFileSummary): number | undefined {
  const counted = interfaces.flatMap(({ kernelDrops }) => kernelDrops ?? []);
  return counted.length === 0 ? undefined : counted.reduce((sum, drops) => sum + drops, 0);
}
