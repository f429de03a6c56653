/** Each client that may be used elsewhere, against listeners of Node's own on the loopback. */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findCommand } from '../../src/node/find-command.js';
import type { Node } from '../../src/node/node.js';
import { remoteNode } from '../../src/node/remote.js';
import { chooseClient } from '../../src/probe/clients.js';
import { probe } from '../../src/probe/connect.js';
import { answerTo } from '../../src/probe/dns-query.js';

const there = remoteNode({
  name: 'there',
  commandLine: remote => [findCommand('setsid'), '--wait', ...remote],
  fault: async () => undefined,
});

/** The same node with no other client than one. */
const only = (name: string): Node => ({
  ...there,
  run: async (command, args, options) =>
    args.includes('python3')
      ? { stdout: `${name}\n`, stderr: '', exitCode: 0 }
      : there.run(command, args, options),
});

let listener: Server;
let nameServer: Socket;
const seen: string[] = [];
const asked: string[] = [];

beforeAll(async () => {
  listener = createServer(socket => {
    seen.push(`${socket.remoteAddress}:${socket.remotePort}`);
    socket.on('error', () => undefined).resume();
  });
  nameServer = createSocket('udp4');
  nameServer.on('message', (query, { address, port }) => {
    asked.push(`${address}:${port}`);
    nameServer.send(answerTo(query, [10, 244, 1, 2]), port, address);
  });
  await once(listener.listen(0, '127.0.0.1'), 'listening');
  nameServer.bind(0, '127.0.0.1');
  await once(nameServer, 'listening');
});

afterAll(() => {
  listener.close();
  nameServer.close();
});

const REQUEST = { purpose: 'target', timeoutSeconds: 5, bytes: 0, source: '127.0.0.1' } as const;

/** A port that was free a moment ago. */
async function closedPort(): Promise<number> {
  const server = createServer();
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as { port: number };
  await once(server.close(), 'close');
  return port;
}

/** Without one its tests are skipped, unless nothing may be (STALESUM_REQUIRE_LIVE=1). */
function isThere(name: string): boolean {
  try {
    return findCommand(name) !== '';
  } catch {
    return process.env.STALESUM_REQUIRE_LIVE === '1';
  }
}

const TCP = ['python3', 'bash', 'curl', 'nc'].filter(isThere);
const UDP = ['python3', 'bash', 'dig'].filter(isThere);

describe.each(TCP)('TCP with %s', name => {
  const connect = (port: number) =>
    probe(only(name), {
      ...REQUEST,
      protocol: 'tcp',
      attempts: 2,
      target: { address: '127.0.0.1', port },
    });

  it('connects, and tells from which port', async () => {
    const { port } = listener.address() as { port: number };
    const connections = await connect(port);
    expect(connections.map(({ result }) => result)).toEqual(['connected', 'connected']);
    const locals = connections.map(({ local }) => local);
    expect(new Set(locals).size).toBe(2);
    expect(seen).toEqual(expect.arrayContaining(locals));
  });

  it('tells when nobody listens', async () => {
    const results = (await connect(await closedPort())).map(({ result }) => result);
    // curl does not say why.
    const refused = name === 'curl' ? 'failed' : 'ECONNREFUSED';
    expect(results).toEqual([refused, refused]);
  });
});

describe.each(UDP)('UDP with %s', name => {
  it('asks a name server, and tells from which port', async () => {
    const { port } = nameServer.address();
    const [first, second, more] = await probe(only(name), {
      ...REQUEST,
      protocol: 'udp',
      attempts: 2,
      target: { address: '127.0.0.1', port },
    });
    expect([first?.result, second?.result, more]).toEqual(['answered', 'answered', undefined]);
    expect(asked).toEqual(expect.arrayContaining([first?.local, second?.local]));
  });
});

describe('the choice', () => {
  const having = (...names: string[]): Node => ({
    ...there,
    run: async () => ({ stdout: `${names.join('\n')}\n`, stderr: '', exitCode: 0 }),
  });

  it('is the best that is there', async () => {
    expect(await chooseClient(having('nc', 'bash', 'dig'), 'tcp')).toMatchObject({ name: 'bash' });
    expect(await chooseClient(having('nc', 'dig'), 'udp')).toMatchObject({ name: 'dig' });
  });

  it('is our own program on this machine, whatever is there', async () => {
    const { elsewhere: _, ...here } = having('bash');
    expect(await chooseClient(here, 'tcp')).toMatchObject({ command: process.execPath });
  });

  it('is a fault that names them where there is none', async () => {
    await expect(chooseClient(having(), 'udp')).rejects.toMatchObject({
      kind: 'missing-tool',
      message: 'there: nothing there can open a udp connection: none of python3, bash, dig',
    });
  });
});
