/** Runs the scripts beside this file on node A of a lab. */
import { expect } from 'vitest';
import type { CaptureStatistics } from '../../../src/capture/engine.js';
import { PROJECT, runLab } from '../../lab/run.js';

export interface Frame {
  readonly hex: string;
  readonly originalLength: number;
  readonly seconds: number;
  readonly nanoseconds: number;
  readonly direction: string;
  readonly checksumPending?: boolean;
  readonly linkType: number;
  readonly number: number;
}

export interface Capture {
  readonly engine: string;
  readonly node: string;
  readonly device: string;
  readonly frames: readonly Frame[];
  readonly statistics: CaptureStatistics;
}

/** The path of a script. */
export const script = (name: string) => `${PROJECT}test/capture/live/${name}.mjs`;

/** Runs a script on node A of a lab; what it printed. */
export async function runScript<T>(name: string, ...args: string[]): Promise<T> {
  const run = await runLab('unpatched', [process.execPath, script(name), ...args]);
  expect({ ...run, stdout: '' }).toMatchObject({
    outcome: 0,
    stderr: expect.stringMatching(/^lab /),
  });
  return JSON.parse(run.stdout) as T;
}
