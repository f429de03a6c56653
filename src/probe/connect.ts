/** Opens connections on a node, and asks its kernel how often each SYN was sent. */
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { ProbedConnection } from '../analysis/input.js';
import { messageOf, StalesumError } from '../errors.js';
import type { Node } from '../node/node.js';
import { formatEndpoint } from '../wire/address.js';

export interface Target {
  readonly address: string;
  readonly port: number;
}

/** Seconds beyond the client's own time limit after which it is given up for hung. */
const HUNG_SECONDS = 10;

/** Connects from the node to the target, exchanges a few bytes, and closes. */
export async function probeTcp(
  node: Node,
  purpose: ProbedConnection['purpose'],
  target: Target,
  timeoutSeconds: number,
): Promise<ProbedConnection> {
  const program = fileURLToPath(new URL('./tcp-client.js', import.meta.url));
  const client = node.start(
    process.execPath,
    [program, target.address, String(target.port), String(timeoutSeconds)],
    { openInput: true },
  );
  const overdue = setTimeout(
    () => void client.stop('SIGKILL'),
    (timeoutSeconds + HUNG_SECONDS) * 1000,
  );
  try {
    const told = await firstLine(client.stdout, node, client.stderr);
    const connected = told.result === 'connected';
    const retransmits = connected ? await totalRetransmits(node, told.localPort ?? 0) : undefined;
    client.closeInput();
    await client.ended;
    return {
      purpose,
      target: formatEndpoint(target.address, target.port),
      local:
        told.localAddress === undefined
          ? undefined
          : formatEndpoint(told.localAddress, told.localPort ?? 0),
      connectSeconds: connected ? told.seconds : undefined,
      retransmits,
      result: told.result,
    };
  } finally {
    clearTimeout(overdue);
    await client.stop('SIGKILL');
  }
}

interface Told {
  readonly result: string;
  readonly seconds: number;
  readonly localAddress: string | undefined;
  readonly localPort: number | undefined;
}

async function firstLine(
  stdout: NodeJS.ReadableStream,
  node: Node,
  stderr: NodeJS.ReadableStream,
): Promise<Told> {
  let words = '';
  stderr.on('data', chunk => {
    words += String(chunk);
  });
  for await (const line of createInterface({ input: stdout })) return JSON.parse(line) as Told;
  throw new StalesumError(
    'internal',
    messageOf(`${node.name}: the client ended without a word: ${words}`),
  );
}

/** `tcpi_total_retrans` of the socket, as `ss -ti` prints it: `retrans:0/1`; absent means none. */
async function totalRetransmits(node: Node, localPort: number): Promise<number | undefined> {
  const { stdout } = await node.run('ss', ['-tinH', 'sport', '=', `:${localPort}`], {
    mayFail: true,
  });
  if (stdout.trim() === '') return undefined;
  return Number(/\bretrans:\d+\/(\d+)/.exec(stdout)?.[1] ?? 0);
}
