/**
 * What the reader of a verdict must be told of a capture: what in it could not be decoded, what was
 * decoded although nobody asked for it, and which bound was reached.
 */
import type { CaptureObservation } from './observation.js';

/** One sentence each, with the capture's name in front. */
export function observationWarnings(name: string, observation: CaptureObservation): string[] {
  const warnings = [
    ...linkTypeWarnings(observation),
    ...portWarnings(observation),
    ...fragmentWarnings(observation),
    ...overflowWarnings(observation),
    ...fileWarnings(observation),
  ];
  return warnings.map(text => `${name}: ${text}`);
}

/**
 * Whether a bound kept the analysis from seeing all that the capture holds: then it can convict, and
 * not acquit.
 */
export function isBoundReached({ overflow, fragments }: CaptureObservation): boolean {
  return overflow.packets > 0 || fragments.evicted > 0;
}

function linkTypeWarnings({ undecodedLinkTypes }: CaptureObservation): string[] {
  return undecodedLinkTypes.map(
    ({ name, linkType, frames }) =>
      `${counted(frames, 'frame')} of link type ${name} (${linkType}), which is not decoded`,
  );
}

function portWarnings({ foundTunnelPorts }: CaptureObservation): string[] {
  if (foundTunnelPorts.length === 0) return [];
  const ports = foundTunnelPorts.length === 1 ? 'port' : 'ports';
  return [
    `UDP ${ports} ${foundTunnelPorts.join(', ')} taken for a tunnel by what the datagrams hold`,
  ];
}

function fragmentWarnings({ fragments }: CaptureObservation): string[] {
  const { incomplete, evicted, overlapping } = fragments;
  const warnings: string[] = [];
  if (incomplete > 0) {
    const room = evicted > 0 ? `, ${evicted} of them for want of room` : '';
    warnings.push(
      `${counted(incomplete, 'datagram')} in fragments of which not all were captured${room}: ` +
        'a filter on ports lets only first fragments through',
    );
  }
  if (overlapping > 0) {
    warnings.push(
      `${counted(overlapping, 'datagram')} whose fragments overlap, as receivers drop it`,
    );
  }
  return warnings;
}

function overflowWarnings({ overflow, flows }: CaptureObservation): string[] {
  if (overflow.packets === 0) return [];
  const { total, mismatch } = overflow.datagrams;
  return [
    `more than ${flows.length} flows: ${counted(overflow.packets, 'packet')} of further ones were only ` +
      `counted (${counted(total, 'tunnel datagram')}, ${mismatch} of them with a wrong checksum)`,
  ];
}

function fileWarnings({ files = [] }: CaptureObservation): string[] {
  // The first damaged file of a set stands in the capture's own warning.
  return files
    .filter(({ truncated }) => truncated !== null)
    .slice(1)
    .map(({ name, truncated }) => `${name}: ${truncated!.reason}`);
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
