/** What a bundle does not show: the part of a report that keeps its reader from believing too much. */
import { isConviction } from '../analysis/telling-frame.js';
import type { VerdictDocument } from '../analysis/verdict.js';
import type { ReportMaterial } from '../evidence/report-material.js';

/** Sentences, not escaped yet. Never empty: no evidence shows everything. */
export function limitsOf(material: ReportMaterial): string[] {
  const { verdict, gaps, stored, sender, receiver } = material;
  const { captures, control, environment, warnings, grade, flows } = verdict;
  const convicted = isConviction(verdict.verdict);
  const limits = [
    ...warnings,
    ...gaps,
    ...storedLimits(stored),
    environment?.emulated ? 'A rule of the lab did what another kernel would do: emulated.' : '',
    convicted && grade === 'supported'
      ? 'Only the arithmetic speaks for it: a constant difference between header and checksum. ' +
        'The conntrack entry of the sender would be the second witness.'
      : '',
    convicted && sender === null
      ? 'Without a capture of the sender the place is not shown: it was rewritten after the checksum ' +
        'was made, on the sender or on the way.'
      : '',
    convicted && receiver === null
      ? 'Without a capture of the receiver it is not shown what arrived, and what was dropped.'
      : '',
    convicted
      ? 'Several bad datagrams from one outer port are one observation: their inner bytes cancel, and ' +
        'each shows the same difference.'
      : '',
    control === null && !warnings.some(warning => warning.startsWith('control:'))
      ? 'No control connection was made: that these capture points show healthy traffic as healthy is ' +
        'taken from the other datagrams in them.'
      : '',
    dropsLimit(captures),
    flows.length > 1
      ? `${flows.length} connections were examined; the gravest is shown in full.`
      : '',
    'A NIC, a NAT gateway or a virtual switch that computes checksums anew hides the bug from a capture behind it.',
  ];
  return [...new Set(limits.filter(limit => limit !== ''))];
}

function storedLimits(stored: ReportMaterial['stored']): string[] {
  switch (stored.kind) {
    case 'differs':
      return [
        'The verdict.json that was stored with the captures differs from what they say now, at: ' +
          `${stored.places.join(', ')}.`,
      ];
    case 'unreadable':
      return [
        `The verdict.json that was stored with the captures cannot be read: ${stored.reason}.`,
      ];
    default:
      return [];
  }
}

function dropsLimit(captures: VerdictDocument['captures']): string {
  const untold = captures.filter(({ kernelDrops }) => kernelDrops === null);
  if (untold.length === 0) return '';
  const which =
    untold.length === captures.length ? 'The captures do' : `${untold.length} of the captures do`;
  return `${which} not tell whether packets were lost by the capture itself.`;
}
