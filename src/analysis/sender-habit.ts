/** What a sender of tunnel datagrams does: from which ports it sends, and whether it makes outer checksums. */
import type { VxlanDevice } from '../snapshot/links.js';
import type { NodeSnapshot } from '../snapshot/node-snapshot.js';
import type { Connection } from './connections.js';
import type { PortUse } from './port-uses.js';

/** The kernel's default `net.ipv4.ip_local_port_range`, from which a VXLAN device takes its ports. */
export const DEFAULT_RANGE = { low: 32768, high: 61000 };
/** Where healthy datagrams show that another range is in use. */
export const WIDEST_RANGE = { low: 1024, high: 65536 };

/** Source ports `low <= port < high`; exact where the node told them, else the kernel's default. */
export interface SourcePortRange {
  readonly low: number;
  readonly high: number;
  readonly exact: boolean;
}

/** What all tunnel datagrams of one outer source address show. */
export interface SenderHabit {
  valid: number;
  zero: number;
  lowestPort: number;
  highestPort: number;
}

/** Habits by outer source address. */
export function sendersHabits(connections: readonly Connection[]): Map<string, SenderHabit> {
  const habits = new Map<string, SenderHabit>();
  for (const { forward, reverse } of connections) {
    for (const { flow, layer } of [...forward, ...reverse]) {
      if (layer === 'tap') continue;
      for (const { source, sourcePort, datagrams } of flow.outerPorts) {
        const habit = habits.get(source) ?? {
          valid: 0,
          zero: 0,
          lowestPort: 65535,
          highestPort: 0,
        };
        habits.set(source, habit);
        habit.valid += datagrams.valid;
        habit.zero += datagrams.zero;
        if (datagrams.mismatch > 0) continue;
        habit.lowestPort = Math.min(habit.lowestPort, sourcePort);
        habit.highestPort = Math.max(habit.highestPort, sourcePort);
      }
    }
  }
  return habits;
}

/** The source ports of the sender's VXLAN devices. */
export function rangeOf(
  device: VxlanDevice | undefined,
  sender: NodeSnapshot | undefined,
  habit: SenderHabit | undefined,
): SourcePortRange {
  if (device?.sourcePorts) return { ...device.sourcePorts, exact: true };
  const setting = sender?.sysctls?.get('net.ipv4.ip_local_port_range')?.split(/\s+/).map(Number);
  const [low, last] = setting ?? [];
  // Exact only together with the device: it says that it has no range of its own.
  if (device && low !== undefined && last !== undefined)
    return { low, high: last + 1, exact: true };
  const usual =
    !habit ||
    habit.highestPort === 0 ||
    (habit.lowestPort >= DEFAULT_RANGE.low && habit.highestPort < DEFAULT_RANGE.high);
  return { ...(usual ? DEFAULT_RANGE : WIDEST_RANGE), exact: false };
}

/** Whether outer checksums are in use: the device says it; else zero checksums, and no others, from the same address do. */
export function makesChecksums(
  overIpv6: boolean,
  device: VxlanDevice | undefined,
  habit: SenderHabit | undefined,
  own: readonly PortUse[],
): boolean | undefined {
  if (overIpv6 && device?.udp6ZeroChecksumTx !== undefined) return !device.udp6ZeroChecksumTx;
  if (!overIpv6 && device?.udpChecksum !== undefined) return device.udpChecksum;
  // The connection's own datagrams before others of the same address, which may be another device's.
  if (own.some(({ counts }) => counts.valid > 0)) return true;
  if (own.some(({ counts }) => counts.zero > 0)) return false;
  if (!habit) return undefined;
  if (habit.valid > 0) return true;
  return habit.zero > 0 ? false : undefined;
}
