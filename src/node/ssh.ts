/** Nodes reached by ssh, with the user's own configuration, keys, agent and known hosts. */
import { StalesumError } from '../errors.js';
import { limited } from './limited.js';
import type { Node, OpenNode } from './node.js';
import { shellWord } from './quote.js';
import { type Carrier, remoteNode } from './remote.js';
import { connect, type SshConnection } from './ssh-connection.js';

/** OpenSSH's own exit code, beside those of the commands. */
const SSH_FAILED = 255;

/** sshd allows ten sessions a connection (MaxSessions); some are for commands that go on. */
const RUNS_AT_ONCE = 4;

/** What a shell that is no POSIX shell gets wrong, or that greets every command. */
const ODD = 'a\'b"c $(d) `e` \\f\\\\g; h & *\ni !j -- #k';
const SUDO = 'exec sudo -n -- ';

/**
 * Connects to a host.
 *
 * @param destination `[USER@]HOST`, checked before (description.ts).
 * @throws StalesumError `not-permitted` if it does not let us in, `unavailable` if it cannot be reached,
 *   or has no POSIX shell; `missing-tool` without ssh
 */
export async function openSsh(destination: string, name: string): Promise<OpenNode> {
  const connection = await connect(destination);
  try {
    const plain = limited(remoteNode(carrier(connection, name, 'exec ')), RUNS_AT_ONCE);
    const isAllowed = await greet(plain, destination);
    const withSudo = isAllowed ? undefined : await throughSudo(connection, name);
    const notes =
      isAllowed || withSudo
        ? []
        : [
            `${name}: not root there, and sudo asks for a password: what needs root will be missing`,
          ];
    return { node: withSudo ?? plain, notes, close: () => connection.close() };
  } catch (fault) {
    await connection.close();
    throw fault;
  }
}

function carrier(connection: SshConnection, name: string, prefix: string): Carrier {
  return {
    name,
    commandLine: remote => connection.commandLine(prefix + remote.map(shellWord).join(' ')),
    fault: async (exitCode, words) => {
      if (exitCode !== SSH_FAILED) return undefined;
      if (/Session open refused/i.test(words)) {
        const remedy = 'raise MaxSessions in its sshd_config to 10, as it is by default';
        const text = `${name}: sshd allows too few sessions a connection`;
        return new StalesumError('unavailable', text, remedy);
      }
      const loss = await connection.loss();
      return loss === undefined
        ? undefined
        : new StalesumError('unavailable', `${name}: the connection is lost: ${loss}`);
    },
  };
}

/** CAP_NET_ADMIN and CAP_NET_RAW (linux/capability.h), which are all that is needed. */
const NEEDED = (1n << 12n) | (1n << 13n);
const GREETING = 'printf "%s\\n" "$1"; sed -n "s/^CapEff:[[:space:]]*//p" /proc/self/status';

/** Whether we have the rights there; before that, that arguments arrive as they are. */
async function greet(node: Node, destination: string): Promise<boolean> {
  const { stdout } = await node.run('sh', ['-c', GREETING, 'sh', ODD]);
  if (!stdout.startsWith(`${ODD}\n`)) {
    throw new StalesumError(
      'unavailable',
      `ssh to ${destination}: its login shell does not hand arguments on as they are`,
      'it must be a POSIX shell (sh, bash, dash, ksh, zsh) that prints nothing of its own',
    );
  }
  const capabilities = /^[0-9a-f]+$/.exec(stdout.slice(ODD.length + 1).trim())?.[0];
  return capabilities !== undefined && (BigInt(`0x${capabilities}`) & NEEDED) === NEEDED;
}

async function throughSudo(connection: SshConnection, name: string): Promise<Node | undefined> {
  const node = limited(remoteNode(carrier(connection, name, SUDO)), RUNS_AT_ONCE);
  const { exitCode } = await node.run('true', [], { mayFail: true });
  return exitCode === 0 ? node : undefined;
}
