/** Who is measured on the same capture, how each is run, and how its counts are read. */
import { spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { cloneRoot } from '../setup/clone.mjs';

const CLI = join(cloneRoot, 'dist', 'cli.js');
const SUMS = join(cloneRoot, 'scripts', 'bench', 'sums.c');
const READ_ALONE = join(cloneRoot, 'scripts', 'bench', 'read-alone.mjs');

/**
 * Contenders that this machine has, each `{ name, command(file), counts(stdout, known) }`. `counts` is what
 * it says and what it must say of the capture, where it says anything; `slow` ones run in one round only.
 */
export function contenders(folder) {
  return [
    ...compiledSums(folder),
    {
      name: 'node, reading alone',
      command: file => ['taskset', '-c', '0', process.execPath, READ_ALONE, file],
    },
    stalesum('stalesum, one core', ['taskset', '-c', '0'], []),
    ...(availableParallelism() > 1
      ? [
          stalesum('stalesum, two cores', ['taskset', '-c', '0,1'], []),
          stalesum('stalesum --json, one core (SHA-256)', ['taskset', '-c', '0'], ['--json']),
          stalesum('stalesum --json, two cores (SHA-256)', ['taskset', '-c', '0,1'], ['--json']),
        ]
      : []),
    ...installed('tcpdump', tcpdump),
    ...installed('capinfos', capinfos),
    ...installed('tshark', tshark),
  ];
}

/** The C program, where there is a compiler. */
function compiledSums(folder) {
  const program = join(folder, 'sums');
  const { status } = spawnSync('cc', ['-O3', '-o', program, SUMS]);
  if (status !== 0) return [];
  const due = ({ datagrams, valid, zero, partial, stale, plain }) => ({
    ...{ datagrams, valid, zero, partial, stale, plain },
  });
  return [
    {
      name: 'C -O3, sums alone',
      command: file => [program, file],
      isKept: true,
      counts: (stdout, known) => ({ said: due(JSON.parse(stdout)), due: due(known) }),
    },
  ];
}

function stalesum(name, pinned, options) {
  const isJson = options.includes('--json');
  return {
    name,
    command: file => [...pinned, process.execPath, CLI, 'analyze', '--quiet', ...options, file],
    isKept: isJson,
    counts: isJson ? stalesumCounts : undefined,
  };
}

function stalesumCounts(stdout, { datagrams, valid, zero, partial, stale, packets }) {
  const { flows, captures } = JSON.parse(stdout);
  const sum = state => flows.reduce((total, flow) => total + flow.datagrams[state], 0);
  return {
    said: {
      packets: captures[0].frames,
      datagrams: sum('total'),
      valid: sum('valid'),
      zero: sum('zero'),
      partial: sum('partial'),
      // What a checksum is that does not fit depends on the connection's others.
      stale: sum('stale') + sum('mangled') + sum('invalid'),
    },
    due: { packets, datagrams, valid, zero, partial, stale },
  };
}

/** It verifies the inner checksum only; a pending one is wrong to it. */
const tcpdump = {
  name: 'tcpdump -vv',
  command: file => ['tcpdump', '-nn', '-vv', '-T', 'vxlan', '-r', file],
  countedBy: file => ['sh', '-c', 'tcpdump -nn -vv -T vxlan -r "$0" | grep -c "(incorrect"', file],
  counts: (stdout, { partial }) => ({
    said: { innerIncorrect: Number(stdout) },
    due: { innerIncorrect: partial },
  }),
};

const capinfos = {
  name: 'capinfos (headers alone)',
  command: file => ['capinfos', '-M', '-c', '-T', '-r', '-m', file],
  isKept: true,
  counts: (stdout, { packets }) => ({
    said: { packets: Number(stdout.trim().split(',').at(-1)) },
    due: { packets },
  }),
};

/** A pending outer checksum is wrong to it, too. */
const tshark = {
  name: 'tshark',
  isSlow: true,
  isKept: true,
  command: file =>
    ['tshark', '-n', '-r', file, '-d', 'udp.port==8472,vxlan', '-T', 'fields', '-E', 'occurrence=f']
      .concat(['-o', 'udp.check_checksum:TRUE', '-o', 'tcp.check_checksum:TRUE'])
      .concat(['-e', 'udp.checksum.status']),
  counts: (stdout, { valid, zero, partial, stale }) => {
    const of = status => stdout.split('\n').filter(line => line === status).length;
    return {
      said: { good: of('1'), none: of('3'), bad: of('0') },
      due: { good: valid, none: zero, bad: partial + stale },
    };
  },
};

function installed(program, contender) {
  return spawnSync(program, ['--version']).error === undefined ? [contender] : [];
}
