/**
 * `run.json`: what the probe of a live run did, beside the captures and snapshots of its nodes, and how far
 * the run has come. It is written when the run begins and again at each step, so that whatever ends the run,
 * what it leaves says so.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type ProbedConnection,
  type RunRecord,
  VIRTUAL_MACHINES,
  type VirtualMachine,
} from '../analysis/input.js';
import { parseNote, type RunNote } from '../analysis/run-notes.js';
import { messageOf, StalesumError } from '../errors.js';
import { DEFAULT_TUNNEL_PORTS } from '../wire/packet.js';
import { writeWhole } from '../write-whole.js';

export const RUN_FILE = 'run.json';
export const RUN_SCHEMA = 'stalesum.run/1';

/** One capture of a run, as its engine told it. */
export interface RunCapture {
  /** `node-a/overlay.pcapng`. */
  readonly name: string;
  readonly interface: string;
  readonly kernelDrops: number;
}

/**
 * How far a run has come.
 * - `recording`: until all captures have ended; what is found so was killed, or is not over
 * - `analysing`: the recording is whole
 * - `complete`: the verdict and all that is made of it are there
 * - `interrupted`: while recording, for the `reason` given
 */
export const RUN_PHASES = ['recording', 'analysing', 'complete', 'interrupted'] as const;
export type RunPhase = (typeof RUN_PHASES)[number];

export interface RunFile {
  readonly schema: typeof RUN_SCHEMA;
  readonly phase: RunPhase;
  /** Why it was interrupted, or why it came no further than its analysis. */
  readonly reason: string | null;
  readonly scenario: string | null;
  /** What the scenario is, in one line. */
  readonly title: string | null;
  readonly emulated: boolean;
  /** UDP port of the tunnel; the usual ones are known without. */
  readonly tunnelPort: number | null;
  /** Absent in recordings of earlier versions. */
  readonly machine?: VirtualMachine | null;
  /** What limits the verdict. */
  readonly notes: readonly RunNote[];
  readonly connections: readonly ProbedConnection[];
  readonly captures: readonly RunCapture[];
}

/** What is known of a run when its folder is made. */
export const NEW_RUN: RunFile = {
  schema: RUN_SCHEMA,
  phase: 'recording',
  reason: null,
  scenario: null,
  title: null,
  emulated: false,
  machine: null,
  tunnelPort: null,
  notes: [],
  connections: [],
  captures: [],
};

/** Writes the run record. @throws StalesumError `write-failed` */
export async function writeRunFile(folder: string, file: RunFile): Promise<void> {
  await writeWhole(join(folder, RUN_FILE), `${JSON.stringify(file, null, 2)}\n`);
}

/** Writes how far a run has come into its record, if the folder has one. */
export async function setPhase(
  folder: string,
  phase: RunPhase,
  reason: string | null = null,
): Promise<void> {
  const file = await readRunFile(folder);
  if (file) await writeRunFile(folder, { ...file, phase, reason });
}

/** Reads the run record of a recording; `undefined` if it has none. @throws StalesumError `bad-input` */
export async function readRunFile(folder: string): Promise<RunFile | undefined> {
  const path = join(folder, RUN_FILE);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw thrown;
  }
  return parseRunFile(text, path);
}

function parseRunFile(text: string, path: string): RunFile {
  const complain = (reason: string) => new StalesumError('bad-input', `${path}: ${reason}`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (thrown) {
    throw complain(`expected JSON: ${messageOf(thrown)}`);
  }
  if (!isRecord(value) || value.schema !== RUN_SCHEMA) {
    throw complain(`expected "schema": "${RUN_SCHEMA}"`);
  }
  const { connections, captures, scenario, title, emulated, tunnelPort, reason, notes, machine } =
    value;
  // Records of before there were phases were written at the end of a run.
  const phase = RUN_PHASES.find(known => known === (value.phase ?? 'complete'));
  if (!phase) throw complain(`expected a phase of ${RUN_PHASES.join(', ')}`);
  if (!Array.isArray(connections)) throw complain('expected a list of connections');
  if (!Array.isArray(captures)) throw complain('expected a list of captures');
  return {
    schema: RUN_SCHEMA,
    phase,
    reason: typeof reason === 'string' ? reason : null,
    scenario: typeof scenario === 'string' ? scenario : null,
    title: typeof title === 'string' ? title : null,
    emulated: emulated === true,
    tunnelPort: typeof tunnelPort === 'number' ? tunnelPort : null,
    machine: virtualMachineNamed(machine) ?? null,
    notes: Array.isArray(notes) ? notes.flatMap(note => parseNote(note) ?? []) : [],
    connections: connections.map(connection => {
      const parsed = parseConnection(connection);
      if (!parsed) throw complain('a connection lacks its purpose, target or result');
      return parsed;
    }),
    captures: captures.flatMap(capture => parseCapture(capture) ?? []),
  };
}

/** `undefined` for what is none. */
export function virtualMachineNamed(name: unknown): VirtualMachine | undefined {
  return VIRTUAL_MACHINES.find(known => known === name);
}

function parseConnection(value: unknown): ProbedConnection | undefined {
  if (!isRecord(value)) return undefined;
  const { purpose, target, local, connectSeconds, retransmits, result } = value;
  if (purpose !== 'control' && purpose !== 'target') return undefined;
  if (typeof target !== 'string' || typeof result !== 'string') return undefined;
  return {
    purpose,
    target,
    result,
    local: typeof local === 'string' ? local : undefined,
    connectSeconds: typeof connectSeconds === 'number' ? connectSeconds : undefined,
    retransmits: typeof retransmits === 'number' ? retransmits : undefined,
  };
}

function parseCapture(value: unknown): RunCapture | undefined {
  if (!isRecord(value)) return undefined;
  const { name, interface: device, kernelDrops } = value;
  if (typeof name !== 'string' || typeof device !== 'string' || typeof kernelDrops !== 'number') {
    return undefined;
  }
  return { name, interface: device, kernelDrops };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The UDP ports taken for tunnels in a recording. */
export function tunnelPortsOf(run: RunFile | undefined): Set<number> {
  const own = run?.tunnelPort ?? null;
  return new Set([...DEFAULT_TUNNEL_PORTS, ...(own === null ? [] : [own])]);
}

/** The part of a run file that the analysis wants. */
export function runRecordOf(file: RunFile): RunRecord {
  return {
    incomplete: incompletenessOf(file),
    scenario: file.scenario ?? undefined,
    title: file.title ?? undefined,
    emulated: file.emulated,
    notes: file.notes,
    machine: file.machine ?? undefined,
    connections: file.connections,
  };
}

function incompletenessOf({ phase, reason }: RunFile): string | undefined {
  switch (phase) {
    case 'recording':
      return 'the recording is not whole: the run was killed, or is not over yet';
    case 'interrupted':
      return `the recording is not whole: ${reason ?? 'the run was interrupted'}`;
    case 'analysing':
    case 'complete':
      return undefined;
  }
}
