// Builds the lab of a scenario and runs a command on its node A:
//   node scenario-entry.mjs '{"scenario": NAME, ...}' COMMAND ARGS...
// Options: "classic" and "pinned" for the timing of retransmits, the latter as where txrehash cannot be
// set; "tap"; "control" for a connection to the pod, whose flow is then forgotten, ahead of the command.
import { enterLab, insideLab } from '../../dist/lab/enter.js';
import { classicVariant, withRetransmits } from '../../dist/lab/retransmits.js';
import { scenarioNamed } from '../../dist/lab/scenarios.js';

const [options, command, ...args] = process.argv.slice(2);
const { scenario: name, classic, pinned, tap, control } = JSON.parse(options);
process.exitCode = insideLab() ? await inside() : await enterLab();

async function inside() {
  const { startLab } = await import('../../dist/lab/lab.js');
  const { attach } = await import('../../dist/node/netns.js');
  const lab = await startLab(timed(scenarioNamed(name)), { tap: tap === true });
  try {
    if (control) {
      await lab.forgetFlows();
      await connectToPod(lab);
      await lab.forgetFlows();
    }
    await lab.applyChanges('after-control');
    return await attach(lab.nodeA, command, args).exitCode;
  } finally {
    await lab.close();
  }
}

function timed(scenario) {
  if (pinned) {
    return classicVariant(scenario, key => key !== 'net.core.txrehash', '6.18.0').scenario;
  }
  return withRetransmits(scenario, classic ? 'classic' : 'kernel').scenario;
}

async function connectToPod(lab) {
  const { address, port } = lab.targetsFor('tcp').control;
  const program = `require('net').connect(${port}, '${address}', function () { this.end(); })`;
  await lab.nodeA.run(process.execPath, ['-e', program]);
}
