/** One run of a scenario: the lab is built, the run recorded, and the recording examined. */
import { mkdtemp } from 'node:fs/promises';
import { release } from 'node:os';
import type { ExitPolicy } from '../analysis/exit-code.js';
import type { VerdictDocument } from '../analysis/verdict.js';
import { chooseEngine } from '../capture/choose.js';
import type { EngineChoice } from '../capture/engine.js';
import { EVERYTHING } from '../capture/filter.js';
import { exitCodeOfFault, StalesumError } from '../errors.js';
import { examinePaths } from '../evidence/examine.js';
import { recordRun } from '../evidence/record.js';
import { virtualMachineNamed } from '../evidence/run-record.js';
import { MACHINE_VARIABLE } from '../guest-environment.js';
import { synWatchOn } from '../probe/syn-watch.js';
import { type Voice, voiceOn } from '../terminal/voice.js';
import { expectedOn } from './expectation.js';
import { type Lab, startLab } from './lab.js';
import type { Protocol } from './layout.js';
import { onInterrupt } from './lifeline.js';
import { type Retransmits, withRetransmits } from './retransmits.js';
import type { Expectation, Scenario } from './scenario.js';
import { TAP_INTERFACE } from './tap.js';

export interface RunOptions {
  /** Where the recording is kept, a folder of its own; without one it is gone with the lab. */
  readonly folder: string | undefined;
  readonly timeoutSeconds: number | undefined;
  /** Connections to the target at once; else as the scenario has it. */
  readonly attempts: number | undefined;
  /** Instead of the scenario's own. */
  readonly protocol: Protocol | undefined;
  readonly retransmits: Retransmits;
  /** Whether to capture node A's datagrams in front of NAT as well. */
  readonly tap: boolean;
  readonly engine: EngineChoice;
  /** Whether captures keep payload, and do not have zeros for it. */
  readonly keepPayload: boolean;
  readonly quiet: boolean;
  readonly policy: ExitPolicy;
}

export interface RunResult {
  readonly verdict: VerdictDocument;
  /** What the scenario must show on this kernel. */
  readonly expected: Expectation;
}

/** Long enough for the 127 s after which a connect() with six retransmits gives up. Seconds. */
const DEFAULT_TIMEOUT_SECONDS = 140;

/** Runs a scenario and examines the recording of it. Must be called inside the lab's namespaces. */
export async function runInLab(scenario: Scenario, options: RunOptions): Promise<RunResult> {
  const voice = voiceOn(options.quiet);
  try {
    const timed = withRetransmits(scenario, options.retransmits);
    if (timed.shortcoming !== undefined) voice.warn(timed.shortcoming);
    voice.show(`lab      building: ${scenario.title}`);
    const lab = await startLab(timed.scenario, { tap: options.tap });
    // The lab's own /run is in memory and goes with its namespaces, whatever ends them.
    const folder = options.folder ?? (await mkdtemp('/run/stalesum-'));
    const interruption = watchForInterrupt();
    try {
      await recordIn(lab, folder, options, voice, interruption.signal);
    } finally {
      interruption.end();
      await lab.close();
    }
    voice.show('analyse  reading the captures');
    const verdict = await examinePaths([folder], { tunnelPorts: [], policy: options.policy });
    return { verdict, expected: expectedOn(scenario, release(), options.protocol) };
  } finally {
    voice.clear();
  }
}

/** While a run is recorded, an interrupt closes the recording, which may show enough already. */
function watchForInterrupt(): { readonly signal: AbortSignal; end(): void } {
  const controller = new AbortController();
  onInterrupt(signal =>
    controller.abort(new StalesumError('interrupted', `interrupted by ${signal}`)),
  );
  return {
    signal: controller.signal,
    end: () => onInterrupt(() => process.exit(exitCodeOfFault.interrupted)),
  };
}

/** Records one run in a lab that stands; several may follow one another. */
export async function recordIn(
  lab: Lab,
  folder: string,
  options: Pick<
    RunOptions,
    'engine' | 'protocol' | 'attempts' | 'timeoutSeconds' | 'tap' | 'keepPayload'
  >,
  { show, warn }: Voice,
  interruption?: AbortSignal,
): Promise<void> {
  const { scenario } = lab;
  const { engine, note } = await chooseEngine(options.engine, lab.nodeA);
  if (note !== undefined) warn(note);
  const protocol = options.protocol ?? scenario.protocol;
  const attempts = options.attempts ?? scenario.attempts;
  const watch = await synWatchOn(lab.nodeA, text => show(`connect  ${text}`));
  const { tunnel } = scenario.vxlan;
  const point = { engine, hasConntrack: true, overlay: tunnel.device, underlay: 'eth0' };
  await recordRun(
    {
      scenario: scenario.name,
      title: scenario.title,
      emulated: scenario.emulated,
      notes: [],
      machine: virtualMachineNamed(process.env[MACHINE_VARIABLE]),
      nodes: [
        { node: lab.nodeA, ...point, ...(options.tap ? { tap: TAP_INTERFACE } : {}) },
        { node: lab.nodeB, ...point },
      ],
      tunnelPort: tunnel.port,
      overlayFilter: EVERYTHING,
      protocol,
      ...lab.targetsFor(protocol),
      attempts,
      bytes: scenario.bytes,
      keepPayload: options.keepPayload,
      timeoutSeconds: options.timeoutSeconds ?? scenario.timeoutSeconds ?? DEFAULT_TIMEOUT_SECONDS,
      afterControl: async () => {
        await lab.forgetFlows();
        await lab.applyChanges('after-control');
      },
    },
    folder,
    {
      step: text => show(`run      ${text}`),
      overlayFrame: attempts === 1 && protocol === 'tcp' ? watch.visit : () => undefined,
    },
    interruption,
  );
}
