/**
 * How each script begins: Node's version first, then the rest. Kept to syntax that Node 12 parses, and the
 * rest is imported later, so that an old Node gives one clear line and not a SyntaxError.
 */
import { readFileSync } from 'node:fs';

/** Why this Node will not do, or undefined. `range` is engines.node of package.json: ">=20.19". */
export function nodeTooOld(version, range) {
  const least = range.replace(/[^0-9.]/g, '');
  const [major, minor] = numbers(version);
  const [leastMajor, leastMinor] = numbers(least);
  if (major > leastMajor || (major === leastMajor && minor >= leastMinor)) return undefined;
  return `stalesum needs Node >= ${least}, this is v${version}`;
}

function numbers(version) {
  const [major, minor] = version.split('.').map(Number);
  return [major, minor || 0];
}

/** Runs `main(args)` of the module that `load` imports; what it returns is the exit code. */
export function start(load) {
  const { engines } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url)));
  const complaint = nodeTooOld(process.versions.node, engines.node);
  if (complaint !== undefined) {
    process.stderr.write(`${complaint}\n`);
    process.exit(69);
  }
  load()
    .then(module => module.main(process.argv.slice(2)))
    .then(
      exitCode => {
        process.exitCode = exitCode;
      },
      thrown => end(thrown),
    );
}

/** A SetupFault is one message and its exit code; anything else is a fault of these scripts. */
function end(thrown) {
  const known = thrown instanceof Error && typeof thrown.exitCode === 'number';
  const stack = thrown instanceof Error ? thrown.stack : thrown;
  process.stderr.write(known ? `${thrown.details}setup: ${thrown.message}\n` : `${stack}\n`);
  process.exitCode = known ? thrown.exitCode : 70;
}
