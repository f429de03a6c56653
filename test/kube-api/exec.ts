/**
 * `pods/NAME/exec`: switches the connection to SPDY or WebSocket, runs the command, and sends its outcome as a
 * Status over the error channel (v4 and later: k8s.io/apimachinery/pkg/util/remotecommand). As with a real node,
 * a connection that is cut ends the command's input and leaves the command running (kubernetes issue 89031).
 */
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { finished } from 'node:stream/promises';
import { shellExitCode } from '../../src/node/exit-code.js';
import { ApiFault, badRequest } from './fault.js';
import { type Channel, type Framing, streamsOver } from './framing.js';
import type { Kubelet } from './kubelet.js';
import type { Pod } from './objects.js';
import { spdyFraming } from './spdy.js';
import { acceptOf, SUBPROTOCOL, webSocketFraming } from './websocket.js';

const SPDY_VERSION = 'v4.channel.k8s.io';

export interface ExecCall {
  readonly request: IncomingMessage;
  readonly connection: Duplex;
  readonly head: Buffer;
  readonly query: URLSearchParams;
  readonly pod: Pod;
  readonly kubelet: Kubelet;
  readonly webSockets: boolean;
}

/** @throws ApiFault before anything was switched. */
export async function serveExec(call: ExecCall): Promise<void> {
  const { request, connection, head, query, pod, kubelet, webSockets } = call;
  const flag = (name: string) => ['true', '1'].includes(query.get(name) ?? '');
  const argv = query.getAll('command');
  if (argv.length === 0) throw badRequest('you must specify at least 1 command for the container');
  if (flag('tty')) throw badRequest('the API server of the tests has no terminals');
  const container = kubelet.containerFor(pod, query.get('container'));
  const { framing, headers } = negotiated(request, webSockets);

  const lines = ['HTTP/1.1 101 Switching Protocols', 'Connection: Upgrade', ...headers];
  connection.write(`${lines.join('\r\n')}\r\n\r\n`);
  const optional = (['stdin', 'stdout', 'stderr'] as const).filter(flag);
  const wanted: readonly Channel[] = ['error', ...optional];
  const streams = await streamsOver(connection, head, framing, wanted);

  const child = kubelet.execute(pod, container, argv, flag('stdin'));
  if (typeof child === 'string') {
    streams.error.end(JSON.stringify(new ApiFault(500, 'InternalError', child).status));
  } else {
    // A command need not read to the end: what it left is thrown away.
    child.stdin?.on('error', () => undefined).on('close', () => streams.stdin.resume());
    if (child.stdin) streams.stdin.pipe(child.stdin);
    else streams.stdin.resume();
    child.stdout?.pipe(streams.stdout);
    child.stderr?.pipe(streams.stderr);
    const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
    await Promise.allSettled([finished(streams.stdout), finished(streams.stderr)]);
    streams.error.end(JSON.stringify(outcome(shellExitCode(code, signal))));
  }
  await finished(streams.error).catch(() => undefined);
  connection.end(framing.farewell);
}

function negotiated(
  request: IncomingMessage,
  webSockets: boolean,
): { framing: Framing; headers: string[] } {
  const { headers } = request;
  const upgrade = headers.upgrade?.toLowerCase();
  const offered = (name: string) => String(headers[name] ?? '').split(/, */);
  if (upgrade === 'spdy/3.1' && offered('x-stream-protocol-version').includes(SPDY_VERSION)) {
    const chosen = ['Upgrade: SPDY/3.1', `X-Stream-Protocol-Version: ${SPDY_VERSION}`];
    return { framing: spdyFraming(), headers: chosen };
  }
  if (
    upgrade === 'websocket' &&
    webSockets &&
    offered('sec-websocket-protocol').includes(SUBPROTOCOL)
  ) {
    const accept = `Sec-WebSocket-Accept: ${acceptOf(headers['sec-websocket-key'] ?? '')}`;
    const chosen = ['Upgrade: websocket', accept, `Sec-WebSocket-Protocol: ${SUBPROTOCOL}`];
    return { framing: webSocketFraming(), headers: chosen };
  }
  throw badRequest('Upgrade request required');
}

/** The kubelet's words. */
function outcome(code: number): object {
  if (code === 0) return { metadata: {}, status: 'Success' };
  return {
    ...{ metadata: {}, status: 'Failure', reason: 'NonZeroExitCode' },
    message: `command terminated with non-zero exit code: exit status ${code}`,
    details: { causes: [{ reason: 'ExitCode', message: String(code) }] },
  };
}
