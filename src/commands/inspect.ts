/** `stalesum inspect`: walks a node's rules, saved or live, and predicts the verdict. */
import type { VerdictName } from '../analysis/verdict.js';
import { StalesumError } from '../errors.js';
import { withBundle } from '../evidence/bundle.js';
import { writeResult } from '../output.js';
import { type InspectRequest, inspectFiles } from '../rules/inspect.js';
import { isRules, type NodeFiles, readNodeFiles } from '../snapshot/node-files.js';
import { type ClusterOptions, clusterSettings } from './between-options.js';
import type { OutputOptions } from './options.js';

export interface InspectOptions extends OutputOptions, ClusterOptions {
  readonly dir: readonly string[];
  readonly node?: string;
  readonly target?: NonNullable<InspectRequest['target']>;
  readonly protocol?: 'tcp' | 'udp';
  readonly source: InspectRequest['source'];
  readonly order: readonly string[];
  readonly failOn: readonly VerdictName[];
}

/** Prints the predictions; returns the exit code: 1 only for a verdict of `--fail-on`. */
export async function inspect(options: InspectOptions): Promise<number> {
  const document = inspectFiles(await readFiles(options), {
    target: options.target,
    protocol: options.protocol,
    source: options.source,
    order: options.order,
  });
  if (options.json) await writeResult(`${JSON.stringify(document, null, 2)}\n`);
  else {
    const { predictionReport } = await import('../report/prediction.js');
    await writeResult(predictionReport(document, { color: options.color }));
  }
  return document.predictions.some(({ verdict }) => options.failOn.includes(verdict)) ? 1 : 0;
}

async function readFiles({ dir, node, ...options }: InspectOptions): Promise<NodeFiles> {
  if ((dir.length === 0) === (node === undefined)) {
    throw new StalesumError('usage', 'inspect: expected either --dir FOLDER or --node NODE');
  }
  if (node !== undefined) return readLive(node, options);
  const folders = await Promise.all(dir.map(readFolder));
  const files = folders.flatMap(folder => folder.files);
  if (!files.some(isRules)) {
    const expected = 'iptables-save, nft list ruleset or nft -j list ruleset';
    const known = folders.flatMap(({ gaps }) => gaps);
    throw new StalesumError(
      'bad-input',
      `${dir.join(', ')}: no rules there; expected ${expected}`,
      known.length === 0 ? undefined : known.join('\n  '),
    );
  }
  return { files, gaps: folders.flatMap(({ gaps }) => gaps) };
}

/** A folder, or a bundle's archive: what it has more is for whoever unpacks it. */
function readFolder(path: string): Promise<NodeFiles> {
  return withBundle(path, async ({ folder }) => {
    const { files, gaps } = await readNodeFiles(folder);
    if (folder === path) return { files, gaps };
    const named = gaps.map(gap =>
      gap.replaceAll(`--dir ${folder}/`, `unpack ${path}, then --dir `),
    );
    return { files, gaps: named };
  });
}

async function readLive(text: string, options: ClusterOptions): Promise<NodeFiles> {
  const [
    { readLiveFiles },
    { parseNode },
    { openNode },
    { withCleanup, unlessAborted, closeOpened },
  ] = await Promise.all([
    import('../snapshot/live-files.js'),
    import('../node/description.js'),
    import('../node/open.js'),
    import('../harness/cleanup.js'),
  ]);
  const cluster = clusterSettings(options);
  const { node, notes, read } = await withCleanup(async (atEnd, signal) => {
    const opening = openNode(parseNode(text), { cluster, signal });
    atEnd(() => closeOpened(opening, signal));
    const open = await unlessAborted(signal, opening);
    return { ...open, read: await unlessAborted(signal, readLiveFiles(open.node)) };
  });
  if (read.files.some(isRules)) return { ...read, gaps: [...notes, ...read.gaps] };
  // Without any rules read, every flow would look healthy.
  throw new StalesumError(
    'missing-tool',
    `${node.name}: no rules could be read: ${[...notes, ...read.gaps].join('; ')}`,
  );
}
