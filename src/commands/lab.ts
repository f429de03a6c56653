/** `stalesum lab [-- COMMAND]`: a shell, or a command, on node A of a lab. */
import { enterLab, insideLab } from '../lab/enter.js';
import { onInterrupt } from '../lab/lifeline.js';
import { scenarioNamed } from '../lab/scenarios.js';
import { findCommand } from '../node/find-command.js';

export interface LabOptions {
  readonly scenario: string;
  /** The command and its arguments; none means the user's shell. */
  readonly command: readonly string[];
}

/**
 * Builds a lab and runs the command on its node A, with our standard streams.
 *
 * @returns The command's exit code.
 * @throws StalesumError `usage` for an unknown scenario, `not-permitted`, `missing-tool`.
 */
export async function lab(options: LabOptions): Promise<number> {
  const scenario = scenarioNamed(options.scenario);
  const [command = process.env.SHELL || '/bin/sh', ...args] = options.command;
  // Better now than after the lab was built.
  findCommand(command);
  if (!insideLab()) {
    return enterLab({ commandTakesCtrlC: true });
  }
  // The outer process, which only waits, is spared the loading of these.
  const [{ startLab }, { attach }] = await Promise.all([
    import('../lab/lab.js'),
    import('../node/netns.js'),
  ]);
  const built = await startLab(scenario);
  try {
    await built.applyChanges('after-control');
    process.stderr.write(`${whereOneIs(scenario.name)}\n`);
    const running = attach(built.nodeA, command, args);
    onInterrupt(signal => {
      // A terminal sends Ctrl-C to the command as well as to us.
      if (signal === 'SIGTERM' || !process.stdin.isTTY) {
        running.kill(signal);
      }
    });
    return await running.exitCode;
  } finally {
    await built.close();
  }
}

function whereOneIs(scenario: string): string {
  return (
    `lab ${scenario}: this is node-a; node-b, web (a pod) and wire are the others` +
    ' (ip netns; nsenter --net=/run/netns/node-b COMMAND). It ends with this command.'
  );
}
