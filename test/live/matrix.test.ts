/**
 * The whole matrix, once. What each row must show is from the field, and from what tcpdump, conntrack and
 * the kernel's counters showed in the same scenarios (scenarios*.test.ts), not from us.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DEFAULT_EXIT_POLICY } from '../../src/analysis/exit-code.js';
import type { VerdictDocument } from '../../src/analysis/verdict.js';
import { bundlePlace } from '../../src/evidence/bundle-place.js';
import { examinePaths } from '../../src/evidence/examine.js';
import { keyOf } from '../../src/evidence/redact/key.js';
import { redactBundle } from '../../src/evidence/redact/redact-bundle.js';
import { expectedOn } from '../../src/lab/expectation.js';
import { scenarioNamed } from '../../src/lab/scenarios.js';
import type { MatrixDocument, MatrixRow } from '../../src/matrix/document.js';
import { finishFolder } from '../../src/report/finish-bundle.js';
import { leavesZeroAlone } from '../../src/rules/kernel.js';
import { eventually, processesMarked, surroundings } from '../lab/processes.js';
import { CLI, type CliResult, stalesum } from '../support/cli.js';
import { schemaFaults } from '../support/schemas.js';
import { describeLive } from './require-live.js';

/** On a busy machine; the bar for an idle one is 90 s. */
const TIME_LIMIT = 580_000;

type Truth = Pick<MatrixRow, 'measured' | 'outerSourcePortRewritten' | 'checksum' | 'delivered'> & {
  /** When the answer came: at once, with the first retransmit, or never. */
  readonly answered: 'at once' | 'after a second' | 'never';
  readonly grade?: 'proved' | 'supported';
  /** Where the rules foretell another thing than what is wrong. */
  readonly predicted?: string;
  /** What the ticket must be told beside the verdict. */
  readonly lookAlike?: RegExp;
  readonly warning?: RegExp;
};

const STALE: Truth = {
  ...{ measured: 'stale-checksum', grade: 'proved', outerSourcePortRewritten: true },
  ...{ checksum: 'stale', delivered: false, answered: 'after a second' },
};
const HARMLESS: Truth = {
  ...{ measured: 'double-snat-harmless', outerSourcePortRewritten: true },
  ...{ checksum: 'valid', delivered: true, answered: 'at once' },
};
const KEPT: Truth = {
  ...{ measured: 'not-rewritten', outerSourcePortRewritten: false },
  ...{ checksum: 'valid', delivered: true, answered: 'at once' },
};
const MANGLED: Truth = {
  ...{ measured: 'mangled-checksum', grade: 'proved', outerSourcePortRewritten: true },
  ...{ checksum: 'mangled', delivered: false, answered: 'after a second' },
};
const ZERO: Truth =
  leavesZeroAlone(release()) === true ? { ...HARMLESS, checksum: 'zero' } : MANGLED;
const OTHER: Truth = {
  ...{ measured: 'other-corruption', outerSourcePortRewritten: false, predicted: 'not-rewritten' },
  ...{ checksum: 'invalid', delivered: false, answered: 'never' },
};

/** No other socket rescues a resolver: its queries are lost for good. */
function both(tcp: Truth, udp: Truth = tcp): Record<'tcp' | 'udp', Truth> {
  const lost = tcp.answered === 'after a second' && udp === tcp;
  return { tcp, udp: lost ? { ...udp, answered: 'never' } : udp };
}

const SEEN_BUT_DELIVERED: Truth = {
  ...STALE,
  ...{ delivered: true, answered: 'at once', warning: /hides the loss/ },
};
const REFUSED: Truth = { ...KEPT, answered: 'never', lookAlike: /RST|ICMP|answer/ };

/** Each also as NAME-ipv6, where `over6` has it. */
const TRUTH: Readonly<Record<string, Partial<Record<'tcp' | 'udp', Truth>>>> = {
  unpatched: both(STALE),
  'unpatched-zero-checksum': both(ZERO),
  'emulated-pre-5.7': both({ ...MANGLED, warning: /^emulated/ }),
  'udp-dns': { udp: both(STALE).udp },
  'ipv6-underlay': both(STALE),
  'secondary-address': both(STALE),
  'veth-offload-on': both(SEEN_BUT_DELIVERED),
  'invalid-dropped-first': both(STALE),
  'kube-proxy-patched': both(KEPT),
  'no-random-fully': both(KEPT),
  'vxlan-tx-offload-off': both(HARMLESS),
  'nic-offload-off': both(STALE, HARMLESS),
  notrack: both(KEPT),
  'pod-ip-direct': both(KEPT),
  'cni-masquerade-first': both(STALE),
  'cni-return-first': both(KEPT),
  'stale-rules': both(STALE),
  'nftables-unpatched': both(STALE),
  'nftables-patched': both(KEPT),
  'nftables-cni-after': both(STALE),
  'nftables-cni-before': both(KEPT),
  'calico-masquerade-first': both(STALE),
  'calico-masquerade-behind': both(KEPT),
  'lost-syn': {
    tcp: {
      ...KEPT,
      ...{ delivered: false, answered: 'after a second' },
      lookAlike: /left the sender's NIC .* did not reach the receiver's/,
    },
  },
  'no-listener': { tcp: { ...REFUSED, lookAlike: /RST/ }, udp: REFUSED },
  'mtu-blackhole': { tcp: { ...KEPT, lookAlike: /smaller MTU/ } },
  'inner-corruption': { tcp: { ...OTHER, checksum: 'zero', delivered: true } },
  'address-rewritten-on-the-way': both(OTHER),
};

const OVER_IPV6 = [
  ...['unpatched-zero-checksum', 'veth-offload-on', 'invalid-dropped-first'],
  ...['kube-proxy-patched', 'no-random-fully', 'vxlan-tx-offload-off', 'nic-offload-off'],
  ...['notrack', 'pod-ip-direct', 'cni-masquerade-first', 'cni-return-first', 'stale-rules'],
  ...['nftables-unpatched', 'nftables-patched', 'nftables-cni-after', 'nftables-cni-before'],
  ...['calico-masquerade-first', 'calico-masquerade-behind'],
];

const ALL = [
  ...Object.entries(TRUTH),
  ...OVER_IPV6.map(name => [`${name}-ipv6`, TRUTH[name]!] as const),
].flatMap(([name, rows]) =>
  (['tcp', 'udp'] as const).flatMap(protocol => {
    const truth = rows[protocol];
    return truth ? [[name, protocol, truth] as const] : [];
  }),
);

/** Port before the second SNAT by the port behind it, read by nothing of ours. */
function conntrackPorts(recording: string): Map<number, number> {
  const events = readFileSync(join(recording, 'node-a/conntrack-events.txt'), 'utf8');
  const entry = /\[NEW\] udp .* sport=(\d+) dport=(\d+) .* sport=\2 dport=(\d+)/g;
  return new Map(
    [...events.matchAll(entry)].map(([, before, , after]) => [Number(after), Number(before)]),
  );
}

/** Addresses and names that every lab has, read in a copy by nothing of ours. */
function labTraces(copy: string): string[] {
  const texts =
    /10\.244\.[01]\.\d|192\.168\.5[01]\.|10\.96\.0\.|fd[0-9a-f]{2}::[12]\b|default\/web|02:aa:00|0a:bb:00/;
  const bytes = ['c0a83201', 'c0a83202', '0af40102', '0a60000a', '02aa00000001', '0abb00000001'];
  return readdirSync(copy, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile() && !entry.name.startsWith('report.'))
    .flatMap(({ parentPath, name }) => {
      const content = readFileSync(join(parentPath, name));
      const found = [texts.exec(content.toString('latin1'))?.[0]];
      if (name.endsWith('.pcapng')) {
        found.push(bytes.find(digits => content.includes(Buffer.from(digits, 'hex'))));
      }
      return found.flatMap(trace => (trace === undefined ? [] : [`${name}: ${trace}`]));
    });
}

describeLive('the matrix', () => {
  let folder: string;
  let out: string;
  let result: CliResult;
  let matrix: MatrixDocument;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'stalesum-matrix-'));
    out = join(folder, 'out');
    result = await stalesum(['matrix', '--json', '--out', out]);
    matrix = JSON.parse(result.stdout);
  }, TIME_LIMIT);
  afterAll(() => rmSync(folder, { recursive: true }));

  const rowOf = (name: string, protocol: string) =>
    matrix.rows.find(row => row.scenario === name && row.protocol === protocol);
  const verdictOf = (name: string, protocol: string) =>
    JSON.parse(
      readFileSync(join(out, `${name}-${protocol}`, 'verdict.json'), 'utf8'),
    ) as VerdictDocument;

  it('is as predicted, says of which kernel, and is silent in a pipe', () => {
    expect({ outcome: result.outcome, stderr: result.stderr }).toEqual({ outcome: 0, stderr: '' });
    expect(matrix).toMatchObject({
      schema: 'stalesum.matrix/1',
      kernel: release(),
      summary: `all ${ALL.length} rows are as predicted on Linux ${release()}`,
      warnings: [],
    });
  });

  it('is as its published schema says', () => {
    expect(schemaFaults('matrix-1.json', matrix)).toEqual([]);
  });

  it('has a row for each, and no other', () => {
    const named = matrix.rows.map(({ scenario, protocol }) => `${scenario} ${protocol}`).sort();
    expect(named).toEqual(ALL.map(([name, protocol]) => `${name} ${protocol}`).sort());
  });

  it.each(ALL)('%s %s', async (name, protocol, truth) => {
    const { answered, lookAlike, warning, predicted, ...facts } = truth;
    const row = rowOf(name, protocol)!;
    expect(row).toMatchObject({
      ...{ ...facts, agrees: true, retransmits: 'kernel' },
      predicted: predicted ?? truth.measured,
    });
    expect(row.measured).toBe(expectedOn(scenarioNamed(name), release(), protocol).verdict);
    if (answered === 'never') expect(row.delaySeconds).toBeNull();
    else if (answered === 'after a second') expect(row.delaySeconds).toBeGreaterThan(0.9);
    // A busy machine is slow to answer, but does not send again before a second has passed.
    else expect(row.delaySeconds).not.toBeNull();

    const verdict = verdictOf(name, protocol);
    expect(verdict.control).toMatchObject({ clean: true });
    expect(verdict.flows[0]!.lookAlike ?? '').toMatch(lookAlike ?? /^$/);
    expect(verdict.warnings.join('\n')).toMatch(warning ?? /^$/);
    const known = conntrackPorts(join(out, `${name}-${protocol}`));
    for (const { syns } of verdict.flows) {
      for (const { checksum, outerSourcePort, recoveredPort } of syns) {
        if (checksum?.state !== 'stale' && checksum?.state !== 'mangled') continue;
        expect(recoveredPort).toBe(known.get(outerSourcePort!));
      }
    }
    // Its bundle, whose captures hold no payload, says the same.
    const bundle = join(out, `${name}-${protocol}`);
    const reading = { tunnelPorts: [], policy: DEFAULT_EXIT_POLICY };
    expect(await examinePaths([bundle], reading)).toEqual(verdict);
  });

  it('is kept in every format beside its recordings', () => {
    expect(JSON.parse(readFileSync(join(out, 'matrix.json'), 'utf8'))).toEqual(matrix);
    for (const name of ['matrix.md', 'matrix.html']) {
      const text = readFileSync(join(out, name), 'utf8');
      for (const [scenario] of ALL) expect(text).toContain(scenario);
      expect(text).toContain('AS PREDICTED IN EVERY ROW');
    }
  });

  it('has recordings that analyze judges alike, and says "emulated" of', async () => {
    const recording = join(out, 'emulated-pre-5.7-tcp');
    const { stdout } = await stalesum(['analyze', recording]);
    expect(stdout.match(/emulated/g)?.length).toBeGreaterThanOrEqual(2);
    const again = await stalesum(['analyze', join(out, 'calico-masquerade-first-udp'), '--json']);
    expect(JSON.parse(again.stdout)).toMatchObject({ verdict: 'stale-checksum', grade: 'proved' });
  });

  it(
    'has recordings that are judged alike once redacted, with nothing of the lab in them',
    async () => {
      const key = keyOf(new Uint8Array(32).fill(5));
      const left: string[] = [];
      // One of each verdict and underlay: test/evidence/redact does it to every recording.
      const kinds = new Map(
        Object.entries(TRUTH).map(([name, rows]) => {
          const protocol = rows.tcp ? ('tcp' as const) : ('udp' as const);
          const { measured } = rows[protocol]!;
          return [`${measured} ${/ipv6/.test(name)}`, { name, protocol, measured }];
        }),
      );
      expect(kinds.size).toBeGreaterThan(5);
      for (const { name, protocol, measured } of kinds.values()) {
        const copy = join(folder, `${name}-redacted`);
        const { verdict } = await redactBundle(join(out, `${name}-${protocol}`), {
          place: bundlePlace(copy),
          key,
          finish: finishFolder,
        });
        expect([name, verdict.verdict]).toEqual([name, measured]);
        left.push(...labTraces(copy));
      }
      expect(left).toEqual([]);
    },
    TIME_LIMIT,
  );
});

describeLive('a matrix that is ended', () => {
  describe.each([
    ['SIGINT', [130, null]],
    ['SIGKILL', [null, 'SIGKILL']],
  ] as const)('by %s', (signal, outcome) => {
    it('leaves no process, no mount and no link, whatever its labs were at', async () => {
      const before = { ...surroundings(), tmp: readdirSync(tmpdir()).length };
      const mark = `matrix-ended-by-${signal}-${process.pid}`;
      const child = spawn(process.execPath, [CLI, 'matrix'], {
        env: { ...process.env, LAB_TEST_MARK: mark },
        stdio: 'ignore',
      });
      // Some are built, some record by then.
      await eventually(() => processesMarked(mark).length > 25);
      expect(processesMarked(mark).length).toBeGreaterThan(10);
      child.kill(signal);
      expect(await once(child, 'close')).toEqual(outcome);
      await eventually(() => processesMarked(mark).length === 0);
      expect(processesMarked(mark)).toEqual([]);
      expect(surroundings()).toEqual({ links: before.links, mounts: before.mounts });
    });
  });
});
