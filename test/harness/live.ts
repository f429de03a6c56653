/** Runs the scripts in `live/` in a lab, and reads what the command line said there. */
import { expect } from 'vitest';
import type { VerdictDocument } from '../../src/analysis/verdict.js';
import { findCommand } from '../../src/node/find-command.js';
import { PROJECT, runLab } from '../lab/run.js';
import { refusal } from '../live/require-live.js';

export interface Result {
  readonly outcome: number | string;
  readonly stdout: string;
  readonly stderr: string;
}

/** What a run left behind; nothing, as it must be. */
export interface Left {
  readonly processes: readonly string[];
  readonly folders: readonly string[];
}
export const NOTHING: Left = { processes: [], folders: [] };

export const harness = (name: string) => `${PROJECT}test/harness/${name}`;

/** Why a lab with these programs cannot be had. */
export function lacking(...commands: readonly string[]): string | undefined {
  return refusal ?? notInstalled(...commands);
}

export function notInstalled(...commands: readonly string[]): string | undefined {
  const missing = commands.filter(command => {
    try {
      findCommand(command);
      return false;
    } catch {
      return true;
    }
  });
  return missing.length > 0 ? `${missing.join(', ')}: not installed` : undefined;
}

/** Runs a command on node A of a lab; what it printed. */
export async function inLab<T>(scenario: string, command: readonly string[]): Promise<T> {
  const { outcome, stdout, stderr } = await runLab(scenario, [...command]);
  expect({ outcome, stderr }).toEqual({ outcome: 0, stderr: expect.stringMatching(/^lab .*\n$/) });
  return JSON.parse(stdout) as T;
}

/** The same in a lab whose nodes have an sshd each. */
export function behindSsh<T>(scenario: string, script: string): Promise<T> {
  const world = [process.execPath, harness('ssh-world.mjs')];
  return inLab(scenario, [...world, process.execPath, harness(`live/${script}`)]);
}

export const verdictOf = ({ stdout }: Result) => JSON.parse(stdout) as VerdictDocument;

/** What must be the same whatever leads to the nodes. Chance decides whether a port is in range. */
export function essence(result: Result) {
  const { verdict, grade, exitCode, witnesses, flows, control, captures } = verdictOf(result);
  const kinds = witnesses.map(({ kind }) => kind).filter(kind => kind !== 'port-range');
  return {
    ...{ verdict, grade, exitCode, kinds, isClean: control?.clean, outcome: result.outcome },
    roles: captures.map(({ role, kernelDrops }) => ({ role, kernelDrops })),
    syns: flows[0]?.syns.map(({ delivered, checksum }) => ({ delivered, state: checksum?.state })),
  };
}

/**
 * Holds each stale SYN's recovered port against conntrack's own words, kept as a witness: the port before
 * is the original direction's, the port on the wire the one that answers would go to.
 */
export function expectPortsOfConntrack(result: Result): void {
  const { flows, witnesses } = verdictOf(result);
  const entry = witnesses.find(({ kind }) => kind === 'conntrack')?.statement ?? '';
  const [, before, after] = /sport=(\d+) dport=8472 .*sport=8472 dport=(\d+)/.exec(entry) ?? [];
  const [first] = flows[0]?.syns ?? [];
  expect(first?.recoveredPort).toBe(Number(before));
  expect(first?.outerSourcePort).toBe(Number(after));
}
