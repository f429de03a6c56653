/**
 * A vitest reporter beside the default one. It ends the output with the plain line "N passed, N failed, N skipped",
 * and under STALESUM_REQUIRE_LIVE=1 it counts a skipped test of any project but `unit` as failed.
 */
const mustRun = new Set(['browser', 'cli', 'guest', 'live', 'podman']);

export default class ClosingLine {
  #namePattern;
  #requireLive = process.env.STALESUM_REQUIRE_LIVE === '1';

  onInit(vitest) {
    this.#namePattern = vitest.config.testNamePattern;
  }

  onTestRunEnd(modules, unhandledErrors) {
    const tests = modules.flatMap(module => [...module.children.allTests()]);
    const missed = this.#requireLive ? tests.filter(test => this.#shouldHaveRun(test)) : [];
    const count = state => tests.filter(test => test.result().state === state).length;
    const failed = count('failed') + modules.filter(failedAsAWhole).length + unhandledErrors.length;
    const lines = [
      ...missed.map(test => `NOT RUN, though STALESUM_REQUIRE_LIVE=1: ${nameOf(test)}`),
      `${count('passed')} passed, ${failed + missed.length} failed, ${count('skipped') - missed.length} skipped`,
    ];
    // At the very end, after the summary of the default reporter and whatever comes with closing down.
    process.once('exit', () => {
      process.stdout.write(`${lines.join('\n')}\n`);
      if (missed.length > 0) process.exitCode = 1;
    });
  }

  /** Tests that `-t PATTERN` leaves out are reported as skipped too; those nobody wanted to run. */
  #shouldHaveRun(test) {
    if (!mustRun.has(test.project.name) || test.result().state !== 'skipped') return false;
    return (
      this.#namePattern === undefined ||
      this.#namePattern.test(test.fullName.replaceAll(' > ', ' '))
    );
  }
}

/** A file that could not be loaded, or a hook that failed: no test of it says so. */
function failedAsAWhole(module) {
  const failedTests = [...module.children.allTests('failed')];
  return module.state() === 'failed' && failedTests.length === 0;
}

function nameOf(test) {
  const { note } = test.result();
  return `${test.module.relativeModuleId} > ${test.fullName}${note ? ` (${note})` : ''}`;
}
