/** Serves the metrics over HTTP: `/metrics`, and `/healthz` for whoever asks if we live. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { messageOf, StalesumError } from '../errors.js';
import { formatEndpoint } from '../wire/address.js';
import { METRICS_CONTENT_TYPE } from './metrics.js';

/** Whoever scrapes holds one connection, and perhaps one more. */
const MOST_CONNECTIONS = 32;
const TIMEOUT_MILLISECONDS = 10_000;

export interface MetricsAddress {
  readonly host: string;
  /** 0: any that is free. */
  readonly port: number;
}

export interface MetricsServer {
  readonly url: string;
  close(): void;
}

/**
 * @throws StalesumError `unavailable` if the address is taken or not ours, `not-permitted` for a port that
 *   takes a right
 */
export async function serveMetrics(
  { host, port }: MetricsAddress,
  page: () => string,
): Promise<MetricsServer> {
  const server = createServer((request, response) => answer(request, response, page));
  server.maxConnections = MOST_CONNECTIONS;
  server.requestTimeout = TIMEOUT_MILLISECONDS;
  server.headersTimeout = TIMEOUT_MILLISECONDS;
  server.keepAliveTimeout = TIMEOUT_MILLISECONDS;
  await listen(server, host, port);
  const bound = server.address();
  const at = typeof bound === 'object' && bound ? bound.port : port;
  return {
    url: `http://${formatEndpoint(host, at)}/metrics`,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

function answer(request: IncomingMessage, response: ServerResponse, page: () => string): void {
  const [path] = (request.url ?? '').split('?');
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.writeHead(405, { Allow: 'GET, HEAD' }).end();
  } else if (path === '/metrics') {
    response.writeHead(200, { 'Content-Type': METRICS_CONTENT_TYPE }).end(page());
  } else if (path === '/healthz') {
    response.writeHead(200, { 'Content-Type': 'text/plain; charset=utf-8' }).end('watching\n');
  } else {
    response.writeHead(404, { 'Content-Type': 'text/plain; charset=utf-8' }).end('/metrics\n');
  }
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (thrown: NodeJS.ErrnoException) => {
      const message = `--metrics ${formatEndpoint(host, port)}: ${messageOf(thrown)}`;
      const denied = thrown.code === 'EACCES';
      reject(
        new StalesumError(
          denied ? 'not-permitted' : 'unavailable',
          message,
          denied ? 'ports below 1024 take CAP_NET_BIND_SERVICE' : undefined,
        ),
      );
    });
    server.listen({ host, port }, resolve);
  });
}
