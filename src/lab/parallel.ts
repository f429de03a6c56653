/** Many labs at once, each a program of its own inside namespaces of its own. */
import { availableParallelism } from 'node:os';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { exitCodeOfFault, messageOf, StalesumError } from '../errors.js';
import { type InnerProcess, startInside, watchInterrupts } from './enter.js';
import { findWayIn } from './permission.js';

/**
 * What is run as process 1 of a lab. It prints on stdout, a line each, what it has to tell; the first line
 * when its lab stands.
 */
export interface LabJob {
  /** For messages. */
  readonly name: string;
  /** A JavaScript file. */
  readonly program: string;
  readonly args: readonly string[];
}

export interface LabJobEnd {
  readonly exitCode: number;
  /** What it said on stderr. */
  readonly words: string;
}

export interface ParallelOptions<Job extends LabJob> {
  readonly atOnce: number;
  /** So many are being built at a time: a machine that builds all at once is slow for each of them. */
  readonly buildingAtOnce?: number;
  readonly onStart?: (job: Job) => void;
  readonly onLine: (job: Job, line: string) => void;
  /** Also where it failed: the others go on. */
  readonly onEnd: (job: Job, end: LabJobEnd) => void;
}

/** A lab has two or three Node processes. In bytes, measured. */
const MEMORY_OF_A_LAB = 160 << 20;
/** And leaves as much for everything else. */
const SHARE_OF_MEMORY = 0.5;

/**
 * How many labs this machine should run at once.
 *
 * @param perProcessor Labs for each processor: a lab computes for two seconds, and waits for the rest.
 */
export function labsAtOnce(perProcessor: number): number {
  const inMemory = Math.floor((process.availableMemory() * SHARE_OF_MEMORY) / MEMORY_OF_A_LAB);
  return Math.max(1, Math.min(inMemory, perProcessor * availableParallelism()));
}

/**
 * Runs all jobs, in their order, some at once. When it is over, or this process is killed in whatever
 * way, none of the labs is left.
 *
 * @throws StalesumError `not-permitted` or `missing-tool` if there is no way into a lab; `interrupted`
 *   when the user ended it.
 */
export async function runInLabs<Job extends LabJob>(
  jobs: readonly Job[],
  options: ParallelOptions<Job>,
): Promise<void> {
  const way = await findWayIn();
  const running = new Set<InnerProcess>();
  const watch = watchInterrupts(running, false);
  const building = new Places(options.buildingAtOnce ?? 2 * availableParallelism());
  const left = [...jobs];
  const work = async () => {
    for (let job = left.shift(); job; job = left.shift()) {
      const leave = await building.take();
      if (watch.interrupted()) return leave();
      options.onStart?.(job);
      const inner = startInside(way, [job.program, ...job.args], 'collected');
      running.add(inner);
      const end = await follow(inner, line => {
        leave();
        options.onLine(job, line);
      });
      leave();
      running.delete(inner);
      if (!watch.interrupted()) options.onEnd(job, end);
    }
  };
  try {
    await Promise.all(Array.from({ length: Math.min(options.atOnce, jobs.length) }, work));
  } finally {
    watch.stop();
  }
  if (watch.interrupted()) throw new StalesumError('interrupted', 'interrupted');
}

async function follow(
  { child, ended }: InnerProcess,
  onLine: (line: string) => void,
): Promise<LabJobEnd> {
  const words = child.stderr ? text(child.stderr) : '';
  if (child.stdout) createInterface({ input: child.stdout }).on('line', onLine);
  try {
    return { exitCode: await ended, words: await words };
  } catch (thrown) {
    return { exitCode: exitCodeOfFault.internal, words: messageOf(thrown) };
  }
}

/** A number of places that are taken and left. */
class Places {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(count: number) {
    this.#free = count;
  }

  /** Waits for a place; gives what leaves it again, which may be called more than once. */
  async take(): Promise<() => void> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>(resolve => this.#waiting.push(resolve));
    let left = false;
    return () => {
      if (left) return;
      left = true;
      const next = this.#waiting.shift();
      if (next) next();
      else this.#free++;
    };
  }
}
