/** From paths to a verdict: reads captures and snapshots, observes, and hands them to the analysis. */
import { analyze } from '../analysis/analyze.js';
import { CaptureObserver } from '../analysis/capture-observer.js';
import type { ExitPolicy } from '../analysis/exit-code.js';
import type { CaptureInput } from '../analysis/input.js';
import type { VerdictDocument } from '../analysis/verdict.js';
import { readCaptureFile } from '../capture-file/file.js';
import type { CapturedFrame } from '../capture-file/frame.js';
import { readCaptureStream } from '../capture-file/stream.js';
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
  for (const source of sources.captures) captures.push(...(await readCaptures(source, ports, run)));
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

/** The captures of one file: one for each interface that it names. */
async function readCaptures(
  source: CaptureSource,
  tunnelPorts: ReadonlySet<number>,
  run: RunFile | undefined,
): Promise<CaptureInput[]> {
  const observers: CaptureObserver[] = [];
  const visit = (frame: CapturedFrame) => {
    observers[frame.interfaceIndex] ??= new CaptureObserver(tunnelPorts);
    observers[frame.interfaceIndex]!.visit(frame);
  };
  const summary =
    source.path === '-'
      ? await readCaptureStream(process.stdin, source.name, visit)
      : await readCaptureFile(source.path, visit);
  const told = run?.captures.find(({ name }) => name === source.name);
  const seen = summary.interfaces.flatMap((from, index) => {
    const observer = observers[index];
    return observer ? [{ from, observer }] : [];
  });
  // A capture without a frame is a fact as well: nothing passed there.
  const [first] = summary.interfaces;
  const shown =
    seen.length === 0 && first ? [{ from: first, observer: new CaptureObserver() }] : seen;
  return shown.map(({ from, observer }, index) => ({
    name:
      shown.length === 1 ? source.name : `${source.name} (${from.name ?? `interface ${index}`})`,
    node: source.node,
    layer: source.layer,
    side: source.side,
    interface: from.name ?? told?.interface,
    linkType: linkTypeName(from.linkType),
    kernelDrops: from.kernelDrops ?? told?.kernelDrops,
    truncated: summary.truncated,
    sha256: summary.sha256 ?? undefined,
    observation: observer.result(),
  }));
}
