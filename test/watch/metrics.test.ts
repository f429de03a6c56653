import { spawnSync } from 'node:child_process';
import { request } from 'node:http';
import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import type { StalesumError } from '../../src/errors.js';
import { metricsAddress } from '../../src/program/watch.js';
import { DatagramCounts, type InterfaceTotals } from '../../src/watch/counts.js';
import { type Meters, metricsText } from '../../src/watch/metrics.js';
import { serveMetrics } from '../../src/watch/metrics-server.js';
import { promtool, withoutPromtool } from './promtool.js';

const TOTALS: InterfaceTotals = {
  up: true,
  examined: 17,
  fine: 10,
  unverifiable: 1,
  ignored: 0,
  stale: 3,
  mangled: 2,
  other: 1,
  passedOver: 40,
  sampling: { first: 1, other: 8 },
  kernelDrops: 5,
  freezes: 2,
  interruptions: 1,
};

function meters(names: readonly string[]): Meters {
  const counts = new DatagramCounts();
  for (const _ of [1, 2, 3]) counts.add('stale', 'out');
  counts.add('stale', 'in');
  counts.add('mangled', 'in');
  return {
    startTime: 1795402192.123,
    interfaces: names.map(name => ({ name, counts, totals: TOTALS })),
    found: { stale: 2, mangled: 1, other: 0 },
    retractions: 1,
    flowsHeld: 3,
    flowsEvicted: 4,
    linesDropped: 6,
    evidence: { frames: 7, bytes: 8, size: 9 },
  };
}

/** Interfaces may be called anything but `/` and white space, and a colon. */
const HOSTILE = 'a"b\\c{}\n';

describe('the metrics', () => {
  it('say each count, with a help and a type for each name', () => {
    const lines = metricsText(meters(['eth0'])).split('\n');
    expect(lines).toEqual(
      expect.arrayContaining([
        '# TYPE stalesum_stale_datagrams_total counter',
        'stalesum_stale_datagrams_total{interface="eth0",direction="in"} 1',
        'stalesum_stale_datagrams_total{interface="eth0",direction="out"} 3',
        'stalesum_mangled_datagrams_total{interface="eth0",direction="in"} 1',
        'stalesum_examined_datagrams_total{interface="eth0"} 17',
        'stalesum_kernel_drops_total{interface="eth0"} 5',
        'stalesum_sampling_one_in{interface="eth0",kind="other"} 8',
        'stalesum_start_time_seconds 1795402192.123',
        'stalesum_evidence_bytes 9',
      ]),
    );
    const names = new Set(
      lines.filter(line => /^[a-z]/.test(line)).map(line => line.split(/[ {]/)[0]),
    );
    for (const name of names) {
      expect(lines.filter(line => line.startsWith(`# TYPE ${name} `))).toHaveLength(1);
      expect(lines.filter(line => line.startsWith(`# HELP ${name} `))).toHaveLength(1);
    }
  });

  it('grow with interfaces, and with nothing else', () => {
    const count = (names: readonly string[]) => metricsText(meters(names)).split('\n').length;
    const [one, two, three] = [['a'], ['a', 'b'], ['a', 'b', 'c']].map(count) as [
      number,
      number,
      number,
    ];
    expect(three - two).toBe(two - one);
  });

  it('escape what an interface can be called', () => {
    const text = metricsText(meters([HOSTILE]));
    expect(text).toContain('{interface="a\\"b\\\\c{}\\n"} 17\n');
  });
});

describe.skipIf(promtool === undefined)(`promtool check metrics ${withoutPromtool}`, () => {
  it.each([
    ['of one interface', ['eth0']],
    ['of names that need escapes', ['eth0', HOSTILE]],
    ['of no interface', []],
  ])('has nothing to say %s', (_, names) => {
    const run = spawnSync(promtool as string, ['check', 'metrics'], {
      input: metricsText(meters(names)),
      encoding: 'utf8',
    });
    expect({ status: run.status, stdout: run.stdout, stderr: run.stderr }).toEqual({
      status: 0,
      stdout: '',
      stderr: '',
    });
  });

  it('would have something to say', () => {
    const input = metricsText(meters(['eth0'])).replaceAll('# HELP', '# NOTE');
    const { status, stderr } = spawnSync(promtool as string, ['check', 'metrics'], {
      input,
      encoding: 'utf8',
    });
    expect(status).not.toBe(0);
    expect(stderr).toContain('no help text');
  });
});

describe('the server of metrics', () => {
  const local = { host: '127.0.0.1', port: 0 };

  it('answers with the page of the moment', async () => {
    let page = 0;
    const server = await serveMetrics(local, () => `page ${++page}\n`);
    const first = await fetch(server.url);
    expect(first.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(await first.text()).toBe('page 1\n');
    expect(await (await fetch(`${server.url}?x=1`)).text()).toBe('page 2\n');
    expect((await fetch(server.url.replace('metrics', 'healthz'))).status).toBe(200);
    expect((await fetch(server.url.replace('metrics', '../etc/passwd'))).status).toBe(404);
    const posted = await fetch(server.url, { method: 'POST', body: 'x' });
    expect([posted.status, posted.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
    server.close();
    await expect(fetch(server.url)).rejects.toThrow();
  });

  it('says so if the port is taken', async () => {
    const server = await serveMetrics(local, () => '');
    const port = Number(new URL(server.url).port);
    await expect(serveMetrics({ ...local, port }, () => '')).rejects.toMatchObject({
      kind: 'unavailable',
      message: expect.stringContaining(`--metrics 127.0.0.1:${port}: `),
    } satisfies Partial<StalesumError>);
    server.close();
  });

  it('outlives clients that send nonsense', async () => {
    const server = await serveMetrics(local, () => 'fine\n');
    const port = Number(new URL(server.url).port);
    const answer = await new Promise<string>(resolve => {
      const socket = connect(port, '127.0.0.1', () => socket.end('\u0000nonsense\r\n\r\n'));
      socket.on('data', data => resolve(String(data)));
    });
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    const head = await new Promise<number | undefined>(resolve => {
      request({ port, host: '127.0.0.1', path: '/metrics', method: 'HEAD' }, response => {
        response.resume();
        resolve(response.statusCode);
      }).end();
    });
    expect(head).toBe(200);
    server.close();
  });
});

describe('--metrics', () => {
  it.each([
    ['9472', { host: '127.0.0.1', port: 9472 }],
    ['0.0.0.0:9472', { host: '0.0.0.0', port: 9472 }],
    ['[::1]:80', { host: '::1', port: 80 }],
    ['fd00:50::1:9472', { host: 'fd00:50::1', port: 9472 }],
    ['localhost:0', { host: 'localhost', port: 0 }],
  ])('takes %s', (text, address) => {
    expect(metricsAddress(text)).toEqual(address);
  });

  it.each([
    '',
    'x',
    '65536',
    ':9472',
    '::1',
    '[x]y:1',
    '-p:1',
    '1.2.3.4',
    'a b:1',
  ])('refuses "%s"', text => {
    expect(() => metricsAddress(text)).toThrow(/expected a port/);
  });
});
