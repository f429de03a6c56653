/** What people see, and that every event is of the schema. */
import { describe, expect, it } from 'vitest';
import { watchProgress, watchText } from '../../src/report/watch.js';
import { TOOL } from '../../src/version.js';
import { eventLine, timeText, type WatchEvent, type WatchTotals } from '../../src/watch/events.js';
import { schemaFaults } from '../support/schemas.js';
import { client, corrupted, syn, tunnelled } from '../support/traffic.js';
import { watching } from './support.js';

const at = '2026-11-23T02:49:52.123456789Z';
const totals: WatchTotals = {
  seconds: 60.5,
  interfaces: [
    {
      interface: 'eth0',
      up: true,
      examined: 12,
      fine: 9,
      unverifiable: 0,
      ignored: 0,
      stale: 3,
      mangled: 0,
      other: 0,
      passedOver: 90,
      sampling: { first: 1, other: 10 },
      kernelDrops: 4,
      freezes: 1,
      interruptions: 2,
    },
  ],
  flows: { stale: 2, mangled: 0, other: 0, retractions: 1, evicted: 0 },
  evidence: { frames: 3, bytes: 1234 },
  linesDropped: 5,
};

/** One of each kind; findings and what follows them from real frames. */
function everyEvent(): WatchEvent[] {
  const { take, events, detector } = watching();
  const stale = tunnelled(syn(), { port: 29051, madeFor: 42112 });
  take(stale);
  take(stale);
  take(tunnelled(syn(), { port: 29051, madeFor: 42113 }));
  take(tunnelled(syn(client(5)), { port: 29052, checksum: 0xffff }));
  take(corrupted(tunnelled(syn(client(6)), { port: 7 }), 130, 1));
  for (const port of [40001, 40002]) {
    take(tunnelled(syn(client(port)), { port, madeFor: port + 9 }));
  }
  detector.end();
  return [
    {
      event: 'started',
      at,
      tool: TOOL,
      interfaces: ['eth0'],
      ports: [4789, 8472],
      sampling: 'auto',
      metrics: 'http://127.0.0.1:9472/metrics',
      evidence: { folder: '/var/lib/stalesum', mostBytes: 1e8 },
    },
    ...events,
    { event: 'interface', at, interface: 'eth0', up: false, reason: 'it went away' },
    { event: 'interface', at, interface: 'eth0', up: true, reason: null },
    { event: 'sampling', at, interface: 'eth0', first: 1, other: 10 },
    { event: 'drops', at, interface: 'eth0', kernelDrops: 4, freezes: 1 },
    { event: 'fault', at, message: 'no space left on device' },
    { event: 'summary', at, ...totals },
    { event: 'ended', at, ...totals },
  ];
}

describe('events', () => {
  it('are of the schema, one of each kind', () => {
    const events = everyEvent();
    expect(new Set(events.map(({ event }) => event))).toEqual(
      new Set([
        ...['started', 'stale', 'mangled', 'other', 'retracted', 'flow', 'interface'],
        ...['sampling', 'drops', 'fault', 'summary', 'ended'],
      ]),
    );
    for (const event of events) {
      const line = eventLine(event);
      expect(line.endsWith('}\n') && line.indexOf('\n') === line.length - 1).toBe(true);
      expect(schemaFaults('watch-1.json', JSON.parse(line))).toEqual([]);
    }
  });

  it('that drift are refused', () => {
    const [started, stale] = everyEvent();
    for (const event of [{ ...started, more: 1 }, { ...stale, grade: undefined }, { event: 'x' }]) {
      expect(schemaFaults('watch-1.json', event)).not.toEqual([]);
    }
  });

  it('have times with all digits', () => {
    expect(timeText({ seconds: 1795402192, nanoseconds: 5 })).toBe(
      '2026-11-23T02:49:52.000000005Z',
    );
    expect(timeText({ seconds: 0, nanoseconds: 0 })).toBe('1970-01-01T00:00:00.000000000Z');
  });
});

describe('on a terminal', () => {
  const text = (event: WatchEvent) => watchText(event, { color: false });

  it('each finding is a line, and minutes are not told', () => {
    const lines = everyEvent().map(text);
    expect(lines[1]).toMatch(
      /^\d\d:\d\d:\d\d\.\d{3} {2}STALE {4}eth0 out {2}tcp 10\.244\.0\.0:64139 -> 10\.244\.1\.2:8080 {2}in 192\.168\.50\.1:29051 \(was 42112\) -> 192\.168\.50\.2:8472 vni 1 {2}checksum 0x[0-9a-f]{4}, due 0x[0-9a-f]{4}\n$/,
    );
    expect(text({ event: 'summary', at, ...totals })).toBe('');
    for (const line of lines.filter(line => line !== '')) expect(line).toMatch(/^\d\d:.*\n$/s);
  });

  it('the end says what was not seen as well', () => {
    const end = text({ event: 'ended', at, ...totals });
    for (const words of [
      'eth0: 12 datagrams with a checksum examined; 3 stale, 0 mangled, 0 corrupt otherwise',
      '4 lost unexamined',
      'about 90 not in the sample',
      'away 2 times',
      '1 findings were taken back',
      '5 findings were counted and not printed',
    ])
      expect(end).toContain(words);
    expect(watchProgress(totals)).toBe(
      'eth0: 12 datagrams with a checksum examined, 2 flows with a wrong one',
    );
  });

  it('no name steers it', () => {
    const hostile = '\u001b[2Jeth0\n';
    for (const event of everyEvent()) {
      const named = 'interface' in event ? { ...event, interface: hostile } : event;
      expect(text(named)).not.toContain('\u001b');
    }
    const [first] = totals.interfaces;
    const named = { ...totals, interfaces: [{ ...first!, interface: hostile }] };
    for (const sign of ['\u001b', '\n']) expect(watchProgress(named)).not.toContain(sign);
  });
});
