/** Words for what a verdict holds, the same in every report. */
import type { FlowReport, SynReport, VerdictName } from '../analysis/verdict.js';

export const HEADINGS: Readonly<Record<VerdictName, string>> = {
  'stale-checksum': 'STALE CHECKSUM AFTER A SECOND SNAT',
  'mangled-checksum': 'ZERO CHECKSUM MANGLED BY A SECOND SNAT',
  'double-snat-harmless': 'REWRITTEN A SECOND TIME, HARMLESS HERE',
  'not-rewritten': 'NOT REWRITTEN',
  'no-fault': 'NO FAULT',
  'other-corruption': 'CHECKSUM WRONG, NOT BY A REWRITTEN PORT',
  'no-tunnel-traffic': 'NO TUNNEL TRAFFIC',
  inconclusive: 'INCONCLUSIVE',
};

/** Red convicts, green acquits, yellow does neither. */
export function toneOf(verdict: VerdictName): 'red' | 'green' | 'yellow' {
  switch (verdict) {
    case 'stale-checksum':
    case 'mangled-checksum':
    case 'other-corruption':
      return 'red';
    case 'not-rewritten':
    case 'no-fault':
    case 'double-snat-harmless':
      return 'green';
    case 'no-tunnel-traffic':
    case 'inconclusive':
      return 'yellow';
  }
}

export function portCell({ outerSourcePort, recoveredPort }: SynReport): string {
  if (outerSourcePort === null) return 'not seen';
  const moved = recoveredPort !== null && recoveredPort !== outerSourcePort;
  return moved ? `${outerSourcePort}  (was ${recoveredPort})` : String(outerSourcePort);
}

export function checksumCell({ checksum }: SynReport): string {
  if (!checksum) return '';
  const { stored, correct, state } = checksum;
  switch (state) {
    case 'valid':
      return `${stored}, right`;
    case 'zero':
      return `${stored}, not in use`;
    case 'partial':
      return `${stored}, not finished yet`;
    case 'unverifiable':
      return `${stored}, not verifiable`;
    case 'stale':
    case 'mangled':
    case 'invalid':
      return `${stored}, due ${correct}`;
  }
}

export function deliveryCell({ delivered, checksum }: SynReport): string {
  const wrong = checksum?.state === 'stale' || checksum?.state === 'mangled';
  if (delivered === null) return 'not known';
  if (delivered) return wrong ? 'accepted unverified' : 'delivered';
  return wrong ? 'arrived, dropped' : 'lost';
}

/** How likely something looks so by accident. */
export function odd(chance: number): string {
  return chance < 0.01 ? `1 in ${Math.round(1 / chance)}` : `${Math.round(chance * 100)} %`;
}

/** What a connection of this protocol begins with. */
export function unitOf({ inner }: FlowReport): 'SYN' | 'Query' {
  return inner.protocol === 'udp' ? 'Query' : 'SYN';
}

/** Milliseconds are what the eye can use. */
export function seconds(value: number): string {
  return `${value.toFixed(3)} s`;
}

/** Whether a rewritten port made its checksum wrong. */
export function isWrong({ checksum }: SynReport): boolean {
  return checksum?.state === 'stale' || checksum?.state === 'mangled';
}

/** `SYN`, `SYNs`; `query`, `queries`. */
export function plural(count: number, unit: string): string {
  if (count === 1) return unit;
  return unit.endsWith('y') ? `${unit.slice(0, -1)}ies` : `${unit}s`;
}
