import { describe, expect, it } from 'vitest';
import { LACKED_TOOLS, noteText, parseNote, type RunNote } from '../../src/analysis/run-notes.js';
import { isFormatWord } from '../../src/evidence/redact/names.js';

const NOTES: readonly RunNote[] = [
  { kind: 'loss-hidden', node: 'node-b', device: 'eth0' },
  { kind: 'loss-maybe-hidden', node: 'node-b', device: 'eth0' },
  { kind: 'offload-off', device: 'veth1', far: true },
  { kind: 'offload-off', device: 'eth0', far: false },
  ...LACKED_TOOLS.map(tool => ({ kind: 'lacks', node: 'node-a', tool }) as const),
  { kind: 'other-endpoints', node: 'node-b', there: 1, all: 3, attempts: 12 },
];

describe.each(NOTES)('the note $kind', note => {
  it('is read as it was saved', () => {
    expect(parseNote(JSON.parse(JSON.stringify(note)))).toEqual(note);
  });

  it('names what it is of', () => {
    const names = Object.entries(note)
      .filter(([key]) => ['node', 'device'].includes(key))
      .map(([, value]) => String(value));
    for (const name of names) expect(noteText(note)).toContain(name);
  });

  it('says of itself only what a redacted copy leaves as it is', () => {
    const { kind, tool = '' } = note as { kind: string; tool?: string };
    const own = [kind, tool, ...Object.keys(note)].join(' ').match(/\w+/g) ?? [];
    expect(own.filter(word => !isFormatWord(word))).toEqual([]);
  });
});

it.each([
  null,
  'text',
  [],
  {},
  { kind: 'loss-hidden' },
  { kind: 'lacks', node: 'node-a', tool: 'magic' },
  { kind: 'other-endpoints', node: 'node-b', there: '1', all: 3, attempts: 1 },
  { kind: 'something-else', node: 'node-a' },
])('%j is none', value => {
  expect(parseNote(value)).toBeUndefined();
});
