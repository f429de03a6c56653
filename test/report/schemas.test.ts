/** Every document is as its published schema says, and a document that drifts is refused. */
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type Comparison, compareVerdicts, type Named } from '../../src/analysis/compare.js';
import type { VerdictDocument } from '../../src/analysis/verdict.js';
import { readNodeFacts } from '../../src/evidence/read-node-facts.js';
import { NEW_RUN, type RunFile } from '../../src/evidence/run-record.js';
import { failedDetail, failedRow } from '../../src/matrix/row.js';
import { inspectFiles } from '../../src/rules/inspect.js';
import { readNodeFiles } from '../../src/snapshot/node-files.js';
import { matrixSample, measured, placeSample, resultSample } from '../matrix/samples.js';
import { recordings } from '../support/recordings.js';
import { materialOf } from '../support/report-material.js';
import { schemaFaults, schemas } from '../support/schemas.js';

const RULESETS = new URL('../rules/rulesets/', import.meta.url);
const faults = schemaFaults;

describe('the schemas', () => {
  it('are there for each kind of document, and the package publishes them', () => {
    expect([...schemas.keys()]).toEqual(
      expect.arrayContaining([
        'comparison-1.json',
        'matrix-1.json',
        'prediction-1.json',
        'redaction-1.json',
        'run-1.json',
        'verdict-1.json',
        'watch-1.json',
      ]),
    );
    const { exports, files } = JSON.parse(
      readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
    );
    expect(exports['./schemas/*.json']).toBe('./docs/schemas/*.json');
    expect(files).toContain('docs');
  });

  it('let no key pass that they do not name', () => {
    const loose = [...schemas].flatMap(([file, schema]) => looseObjects(schema, file));
    expect(loose).toEqual([]);
  });
});

/** Objects of a schema that would let unknown keys pass. */
function looseObjects(schema: unknown, at: string): string[] {
  if (Array.isArray(schema))
    return schema.flatMap((item, index) => looseObjects(item, `${at}/${index}`));
  if (typeof schema !== 'object' || schema === null) return [];
  const { type, additionalProperties } = schema as Record<string, unknown>;
  const isLoose = type === 'object' && additionalProperties === undefined;
  return [
    ...(isLoose ? [at] : []),
    ...Object.entries(schema).flatMap(([key, value]) => looseObjects(value, `${at}/${key}`)),
  ];
}

describe.each(
  recordings.map(recording => [recording.name, recording] as const),
)('%s', (_name, recording) => {
  it('gives a verdict of the schema, with its snapshots and without', async () => {
    const { verdict } = await materialOf(recording.folder);
    expect(faults('verdict-1.json', verdict)).toEqual([]);
    const alone = await materialOf(recording.file('node-b', 'underlay.pcap'));
    expect(faults('verdict-1.json', alone.verdict)).toEqual([]);
  });

  it('gives a prediction of the schema', async () => {
    const files = await readNodeFiles(recording.file('node-a'));
    const document = inspectFiles(files, {
      target: undefined,
      protocol: undefined,
      source: 'host',
      order: [],
    });
    expect(document.predictions.length).toBeGreaterThan(0);
    expect(faults('prediction-1.json', document)).toEqual([]);
  });
});

describe('a comparison', () => {
  const side = async (folder: string): Promise<Named> => ({
    name: folder,
    verdict: (await materialOf(folder)).verdict,
    nodes: await Promise.all(
      ['node-a', 'node-b'].map(node => readNodeFacts(`${folder}/${node}`, node)),
    ),
  });

  it('of each recording with the first one is of the schema', async () => {
    const first = await side(recordings[0]!.folder);
    for (const { name, folder } of recordings) {
      const comparison = compareVerdicts(first, await side(folder));
      expect(faults('comparison-1.json', comparison), name).toEqual([]);
    }
  });

  it('that drifts is refused', async () => {
    const first = await side(recordings[0]!.folder);
    const comparison = compareVerdicts(first, first);
    const drifted: Comparison & { more: number } = { ...comparison, more: 1 };
    expect(faults('comparison-1.json', drifted)).toEqual([' must NOT have additional properties']);
  });
});

describe('a matrix', () => {
  it('of measured and failed rows is of the schema', () => {
    const place = placeSample('notrack');
    const rows = [
      measured(placeSample(), resultSample()),
      { row: failedRow(place), detail: failedDetail(place, 'this kernel cannot') },
    ];
    expect(faults('matrix-1.json', matrixSample(rows))).toEqual([]);
  });
});

describe('a run record', () => {
  it('is of the schema as it begins, and as a run leaves it', () => {
    const run: RunFile = {
      ...NEW_RUN,
      phase: 'complete',
      scenario: 'unpatched',
      title: 'the bug',
      tunnelPort: 8472,
      connections: [
        {
          purpose: 'target',
          target: '10.96.0.10:80',
          local: '192.168.50.1:40000',
          connectSeconds: 1.01,
          retransmits: 1,
          result: 'connected',
        },
        {
          purpose: 'control',
          target: '10.244.1.2:8080',
          local: undefined,
          connectSeconds: undefined,
          retransmits: undefined,
          result: 'ETIMEDOUT',
        },
      ],
      captures: [{ name: 'node-a/overlay.pcapng', interface: 'flannel.1', kernelDrops: 0 }],
    };
    expect(faults('run-1.json', NEW_RUN)).toEqual([]);
    expect(faults('run-1.json', run)).toEqual([]);
  });
});

describe('the rule sets', () => {
  it('give predictions of the schema', async () => {
    const names = readdirSync(RULESETS, { withFileTypes: true })
      .filter(entry => entry.isDirectory() && entry.name !== 'node-a')
      .map(({ name }) => name);
    expect(names.length).toBeGreaterThan(20);
    const node = await readNodeFiles(new URL('node-a', RULESETS).pathname);
    for (const name of names) {
      const { files } = await readNodeFiles(new URL(name, RULESETS).pathname);
      const document = inspectFiles(
        { files: [...files, ...node.files], gaps: [] },
        { target: undefined, protocol: undefined, source: 'host', order: [] },
      );
      expect(faults('prediction-1.json', document), name).toEqual([]);
    }
  });
});

describe('a verdict that drifts', () => {
  const recorded = () => materialOf(recordings[0]!.folder).then(({ verdict }) => verdict);

  it.each([
    ['a new key', (verdict: VerdictDocument) => ({ ...verdict, more: 1 })],
    ['a lost key', ({ grade: _grade, ...verdict }: VerdictDocument) => verdict],
    ['another verdict', (verdict: VerdictDocument) => ({ ...verdict, verdict: 'bad' })],
    ['a number for a text', (verdict: VerdictDocument) => ({ ...verdict, summary: 7 })],
  ])('by %s is refused', async (_what, change) => {
    expect(faults('verdict-1.json', change(await recorded()))).toHaveLength(1);
  });
});
