/** Opens connections on a node, and asks its kernel how often each SYN was sent. */
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { ProbedConnection } from '../analysis/input.js';
import { messageOf, StalesumError } from '../errors.js';
import type { Node, RunningCommand } from '../node/node.js';
import { formatEndpoint } from '../wire/address.js';

export interface Target {
  readonly address: string;
  readonly port: number;
}

export interface ProbeRequest {
  readonly protocol: 'tcp' | 'udp';
  readonly purpose: ProbedConnection['purpose'];
  readonly target: Target;
  /** Connections, or resolvers, at once: each its own flow. */
  readonly attempts: number;
  /** TCP: when to give up. */
  readonly timeoutSeconds: number;
  /** TCP: bytes to be echoed before the connection counts as one. */
  readonly bytes: number;
}

/** How often a resolver asks from one socket, and after how many seconds again. */
const DNS_TRIES = 3;
const DNS_INTERVAL_SECONDS = 1;
/** Seconds beyond the client's own time limit after which it is given up for hung; many labs at once are slow. */
const HUNG_SECONDS = 60;

/** Opens the connections, and closes them once all have ended in one way or the other. */
export function probe(node: Node, request: ProbeRequest): Promise<ProbedConnection[]> {
  return request.protocol === 'tcp' ? probeTcp(node, request) : probeDns(node, request);
}

async function probeTcp(node: Node, request: ProbeRequest): Promise<ProbedConnection[]> {
  const { target, attempts, timeoutSeconds, bytes } = request;
  const args = [target.address, target.port, timeoutSeconds, attempts, bytes].map(String);
  return withClient(node, 'tcp-client.js', args, timeoutSeconds, async client => {
    const told = await lines(client, node, attempts);
    const retransmits = await retransmitsByPort(node, target.port);
    client.closeInput();
    await client.ended;
    return told.map(({ result, seconds, local, localPort }) => ({
      purpose: request.purpose,
      target: formatEndpoint(target.address, target.port),
      local,
      connectSeconds: result === 'connected' ? seconds : undefined,
      retransmits: result === 'connected' ? retransmits.get(localPort) : undefined,
      result,
    }));
  });
}

async function probeDns(node: Node, request: ProbeRequest): Promise<ProbedConnection[]> {
  const { target, attempts } = request;
  const args = [target.address, target.port, DNS_TRIES, DNS_INTERVAL_SECONDS, attempts].map(String);
  const longest = (DNS_TRIES + 1) * DNS_INTERVAL_SECONDS;
  return withClient(node, 'dns-client.js', args, longest, async client => {
    const told = await lines(client, node, Number.POSITIVE_INFINITY);
    return told.map(({ result, seconds, local, sent }) => ({
      purpose: request.purpose,
      target: formatEndpoint(target.address, target.port),
      local,
      connectSeconds: result === 'answered' ? seconds : undefined,
      retransmits: sent - 1,
      result,
    }));
  });
}

async function withClient<T>(
  node: Node,
  program: string,
  args: readonly string[],
  longestSeconds: number,
  use: (client: RunningCommand) => Promise<T>,
): Promise<T> {
  const path = fileURLToPath(new URL(`./${program}`, import.meta.url));
  const client = node.start(process.execPath, [path, ...args], { openInput: true });
  const limit = (longestSeconds + HUNG_SECONDS) * 1000;
  const overdue = setTimeout(() => void client.stop('SIGKILL'), limit);
  try {
    return await use(client);
  } finally {
    clearTimeout(overdue);
    await client.stop('SIGKILL');
  }
}

/** What a client tells of one socket. */
interface Told {
  readonly result: string;
  readonly seconds: number;
  readonly local: string | undefined;
  readonly localPort: number;
  /** UDP: datagrams sent. */
  readonly sent: number;
}

/** The lines of a client: `count` of them, or all there are. */
async function lines(client: RunningCommand, node: Node, count: number): Promise<Told[]> {
  let words = '';
  client.stderr.on('data', chunk => {
    words += String(chunk);
  });
  const told: Told[] = [];
  for await (const line of createInterface({ input: client.stdout })) {
    told.push(parseLine(line));
    if (told.length === count) return told;
  }
  if (told.length > 0 && count === Number.POSITIVE_INFINITY) return told;
  const missing = `the client told of ${told.length} of its connections: ${words}`;
  throw new StalesumError('internal', messageOf(`${node.name}: ${missing}`));
}

function parseLine(line: string): Told {
  const { result, seconds, localAddress, localPort, sent } = JSON.parse(line);
  return {
    result,
    seconds,
    local: localAddress === undefined ? undefined : formatEndpoint(localAddress, localPort),
    localPort: localPort ?? -1,
    sent: sent ?? 1,
  };
}

/** `tcpi_total_retrans` by local port, as `ss -ti` prints it: `retrans:0/1`; absent means none. */
async function retransmitsByPort(node: Node, port: number): Promise<Map<number, number>> {
  // One line a socket needs -O, which older versions lack: the details are on an indented line.
  const { stdout } = await node.run('ss', ['-tinH', 'dport', '=', `:${port}`], { mayFail: true });
  const sockets = stdout.split(/\n(?=\S)/);
  return new Map(
    sockets.flatMap(text => {
      const local = /^\S+\s+\d+\s+\d+\s+\S+:(\d+)\s/.exec(text)?.[1];
      const retransmits = Number(/\bretrans:\d+\/(\d+)/.exec(text)?.[1] ?? 0);
      return local === undefined ? [] : [[Number(local), retransmits]];
    }),
  );
}
