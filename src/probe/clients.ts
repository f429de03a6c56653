/**
 * What opens connections on a node. On this machine it is our own Node.js in the node's network namespace;
 * elsewhere whatever the node has, best first. All tell the same in lines of JSON, some less of it.
 */
import { StalesumError } from '../errors.js';
import type { Node } from '../node/node.js';
import { builtFile } from '../package-root.js';
import { query } from './dns-query.js';
import { PYTHON_DNS, PYTHON_TCP } from './python-clients.js';
import { BASH_DNS, BASH_TCP, CURL_TCP, DIG_DNS, NC_TCP } from './shell-clients.js';

export interface ProbeClient {
  /** What it is called in messages. */
  readonly name: string;
  readonly command: string;
  /** In front of the arguments that all clients get. */
  readonly args: readonly string[];
  /** Behind them. */
  readonly more?: readonly string[];
  /** It keeps connections open until its input ends, and can echo bytes where it is our own. */
  readonly holds: boolean;
}

type Protocol = 'tcp' | 'udp';

const OUR_OWN: Readonly<Record<Protocol, ProbeClient>> = {
  tcp: ourOwn('tcp-client.js'),
  udp: ourOwn('dns-client.js'),
};

function ourOwn(program: string): ProbeClient {
  const path = builtFile(`probe/${program}`);
  return { name: 'Node.js', command: process.execPath, args: [path], holds: true };
}

/** The name that is asked for; any answer is one. */
const QUESTION = 'web.default.svc.cluster.local';
const QUERY = Buffer.from(query(0x4142));

const ELSEWHERE: Readonly<Record<Protocol, readonly ProbeClient[]>> = {
  tcp: [
    { name: 'python3', command: 'python3', args: ['-c', PYTHON_TCP], holds: true },
    script('bash', 'bash', BASH_TCP),
    script('curl', 'sh', CURL_TCP),
    script('nc', 'sh', NC_TCP),
  ],
  udp: [
    {
      name: 'python3',
      command: 'python3',
      args: ['-c', PYTHON_DNS],
      more: [QUERY.toString('hex')],
      holds: false,
    },
    script('bash', 'bash', BASH_DNS, [
      [...QUERY].map(byte => `\\x${byte.toString(16).padStart(2, '0')}`).join(''),
    ]),
    script('dig', 'sh', DIG_DNS, [QUESTION]),
  ],
};

function script(
  name: string,
  shell: string,
  text: string,
  more: readonly string[] = [],
): ProbeClient {
  return { name, command: shell, args: ['-c', text, shell], more, holds: false };
}

/**
 * The best client that a node has.
 *
 * @throws StalesumError `missing-tool` if it has none of them
 */
export async function chooseClient(node: Node, protocol: Protocol): Promise<ProbeClient> {
  if (!node.elsewhere) return OUR_OWN[protocol];
  const candidates = ELSEWHERE[protocol];
  const names = candidates.map(({ name }) => name);
  const find = 'for name; do command -v "$name" >/dev/null 2>&1 && echo "$name"; done; :';
  const { stdout } = await node.run('sh', ['-c', find, 'sh', ...names]);
  const there = new Set(stdout.split('\n'));
  const found = candidates.find(({ name }) => there.has(name));
  if (found) return found;
  throw new StalesumError(
    'missing-tool',
    `${node.name}: nothing there can open a ${protocol} connection: none of ${names.join(', ')}`,
  );
}
