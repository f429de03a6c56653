/** Opens connections on a node, and asks its kernel how often each SYN was sent. */
import { createInterface } from 'node:readline';
import type { ProbedConnection } from '../analysis/input.js';
import { messageOf, StalesumError } from '../errors.js';
import type { Node, RunningCommand } from '../node/node.js';
import { formatEndpoint } from '../wire/address.js';
import { chooseClient, type ProbeClient } from './clients.js';
import { endpointOfHex } from './proc-net.js';

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
  /** TCP: bytes to be echoed before the connection counts as one; only our own client can. */
  readonly bytes: number;
  /** The address that connections get on the node, for clients that tell only a port. */
  readonly source?: string | undefined;
  /** Ends the probe, which then fails. */
  readonly signal?: AbortSignal;
}

/** How often a resolver asks from one socket, and after how many seconds again. */
const DNS_TRIES = 3;
const DNS_INTERVAL_SECONDS = 1;
/** Seconds beyond the client's own time limit after which it is given up for hung; many labs at once are slow. */
const HUNG_SECONDS = 60;

const NO_ANSWERS: ReadonlyMap<number, number> = new Map();

/**
 * Opens the connections, and closes them once all have ended in one way or the other.
 *
 * @param chosen What opens them; else the best that the node has.
 * @throws StalesumError `missing-tool` if nothing there can; `internal` if it says something else
 */
export async function probe(
  node: Node,
  request: ProbeRequest,
  chosen?: ProbeClient,
): Promise<ProbedConnection[]> {
  const client = chosen ?? (await chooseClient(node, request.protocol));
  return request.protocol === 'tcp'
    ? probeTcp(node, request, client)
    : probeDns(node, request, client);
}

async function probeTcp(
  node: Node,
  request: ProbeRequest,
  program: ProbeClient,
): Promise<ProbedConnection[]> {
  const { target, attempts, timeoutSeconds, bytes, signal } = request;
  const args = [target.address, target.port, timeoutSeconds, attempts, bytes].map(String);
  return withClient(node, program, args, timeoutSeconds, signal, async client => {
    const told = await lines(client, node, attempts, request.source);
    const retransmits = program.holds ? await retransmitsByPort(node, target.port) : NO_ANSWERS;
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

async function probeDns(
  node: Node,
  request: ProbeRequest,
  program: ProbeClient,
): Promise<ProbedConnection[]> {
  const { target, attempts, signal } = request;
  const args = [target.address, target.port, DNS_TRIES, DNS_INTERVAL_SECONDS, attempts].map(String);
  const longest = (DNS_TRIES + 1) * DNS_INTERVAL_SECONDS;
  return withClient(node, program, args, longest, signal, async client => {
    const told = await lines(client, node, Number.POSITIVE_INFINITY, request.source);
    return told.map(({ result, seconds, local, sent }) => ({
      purpose: request.purpose,
      target: formatEndpoint(target.address, target.port),
      local,
      connectSeconds: result === 'answered' ? seconds : undefined,
      retransmits: sent === undefined ? undefined : sent - 1,
      result,
    }));
  });
}

async function withClient<T>(
  node: Node,
  { command, args: before, more = [], holds }: ProbeClient,
  args: readonly string[],
  longestSeconds: number,
  signal: AbortSignal | undefined,
  use: (client: RunningCommand) => Promise<T>,
): Promise<T> {
  signal?.throwIfAborted();
  const client = node.start(command, [...before, ...args, ...more], { openInput: holds });
  const limit = (longestSeconds + HUNG_SECONDS) * 1000;
  const kill = () => void client.stop('SIGKILL');
  const overdue = setTimeout(kill, limit);
  signal?.addEventListener('abort', kill);
  try {
    return await use(client);
  } finally {
    clearTimeout(overdue);
    signal?.removeEventListener('abort', kill);
    await client.stop('SIGKILL');
  }
}

/** What a client tells of one socket. */
interface Told {
  readonly result: string;
  readonly seconds: number | undefined;
  readonly local: string | undefined;
  readonly localPort: number;
  /** UDP: datagrams sent. */
  readonly sent: number | undefined;
}

/** The lines of a client: `count` of them, or all there are. */
async function lines(
  client: RunningCommand,
  node: Node,
  count: number,
  source: string | undefined,
): Promise<Told[]> {
  let words = '';
  client.stderr.on('data', chunk => {
    words += String(chunk);
  });
  const told: Told[] = [];
  for await (const line of createInterface({ input: client.stdout })) {
    told.push(parseLine(line, source));
    if (told.length === count) return told;
  }
  if (told.length > 0 && count === Number.POSITIVE_INFINITY) return told;
  const missing = `the client told of ${told.length} of its connections: ${words}`;
  // Elsewhere it is the way there that was cut, as far as anybody can tell.
  const kind = node.elsewhere ? 'unavailable' : 'internal';
  throw new StalesumError(kind, messageOf(`${node.name}: ${missing}`));
}

function parseLine(line: string, source: string | undefined): Told {
  const { result, seconds, localAddress, localPort, localHex, sent } = JSON.parse(line);
  const [address, port] =
    localHex === undefined ? [localAddress ?? source, localPort] : (endpointOfHex(localHex) ?? []);
  return {
    result,
    seconds,
    local: address === undefined || port === undefined ? undefined : formatEndpoint(address, port),
    localPort: port ?? -1,
    sent,
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
