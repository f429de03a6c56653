/**
 * Counts ordinary packets of known flows, in the order of the capture. What it does not know it hands
 * back: the packet is then looked at by src/analysis, which may say with `remember` how its flow goes on.
 */
import { examine } from './examine';
import {
  ABSENT,
  Flow,
  INNER_PARTIAL,
  MAX_INTERFACES,
  ORDINARY,
  Record,
  Row,
  STATE_SHIFT,
  Stats,
} from './layout';
import { swapped } from './sum';

const NOT_FOUND: u32 = 0xffffffff;

const AT_A_TIME: u32 = 8;

const UDP: u32 = 17;

/** Bit per UDP port, set where tunnels are expected, or have been found. */
let tunnelPorts: usize = 0;
let stats: usize = 0;
let flows: usize = 0;
/** Index of a flow plus 1, or 0 where the slot is free; never more than half of them are taken. */
let slots: usize = 0;
let slotMask: u32 = 0;
/** So few at first that they stay in the processor's cache, which holds the bytes of the packets as well. */
const FIRST_SLOTS: u32 = 1024;
let capacity: u32 = 0;
let size: u32 = 0;
/** The slot that `find` ended at. */
let slot: u32 = 0;

/** There is room for twice as many `slots` as `capacity`, a power of two. */
export function configureApply(
  portsAt: usize,
  statsAt: usize,
  flowsAt: usize,
  slotsAt: usize,
  flowCapacity: u32,
): void {
  tunnelPorts = portsAt;
  stats = statsAt;
  flows = flowsAt;
  slots = slotsAt;
  capacity = flowCapacity;
  slotMask = FIRST_SLOTS - 1;
  forget();
}

/** Forgets all flows and counts. */
export function forget(): void {
  size = 0;
  slotMask = FIRST_SLOTS - 1;
  memory.fill(slots, 0, FIRST_SLOTS * 4);
  memory.fill(stats, 0, MAX_INTERFACES * Stats.BYTES);
}

/**
 * Counts rows from `from` on, up to the first that has to be looked at; returns its number, or `count` if
 * there is none.
 */
export function apply(index: usize, rows: usize, from: u32, count: u32): u32 {
  for (let i = from; i < count; i++) {
    const row = rows + i * Row.BYTES;
    if ((load<u32>(row, Row.FLAGS) & ORDINARY) === 0) return i;
    if (!applyRow(index + i * Record.BYTES, row, find(row))) return i;
  }
  return count;
}

/**
 * The same with records that nobody has examined, a few at a time: their rows stay in the processor's cache,
 * and it waits for the memory of their flows once for all of them. `rows` has room for `AT_A_TIME`; the first
 * is that of the record it stopped at.
 */
export function examineAndApply(index: usize, rows: usize, from: u32, count: u32): u32 {
  for (let i = from; i < count; i += AT_A_TIME) {
    const some = min(AT_A_TIME, count - i);
    const records = index + i * Record.BYTES;
    examine(records, some, rows);
    for (let j: u32 = 0; j < some; j++) {
      const row = rows + j * Row.BYTES;
      store<u32>(row, find(row), Row.FLOW);
    }
    for (let j: u32 = 0; j < some; j++) {
      const row = rows + j * Row.BYTES;
      if (!applyRow(records + j * Record.BYTES, row, load<u32>(row, Row.FLOW))) {
        memory.copy(rows, row, Row.BYTES);
        return i + j;
      }
    }
  }
  return count;
}

/** Counts an ordinary packet of the flow that was found; false for any other one. */
function applyRow(record: usize, row: usize, found: u32): bool {
  const flags = load<u32>(row, Row.FLAGS);
  if ((flags & ORDINARY) === 0) return false;
  const state = (flags >> STATE_SHIFT) & 3;
  if (state === ABSENT && isTunnelPort(row)) return false;
  if (found === NOT_FOUND) return false;
  const flow = flows + found * Flow.BYTES;
  if (((load<u32>(flow, Flow.STATES) >> state) & 1) === 0 || !leftFromSamePort(flow, row)) {
    return false;
  }
  countPacket(flow, row, record, flags, state);
  countFrame(record, state);
  return true;
}

/**
 * Takes the flow of an ordinary row as known from here on, leaving from this row's outer address and port;
 * `states` are those of its packets that need not be looked at. Returns its number, or -1 if there is no
 * room. What was counted of it must have been fetched.
 */
export function remember(row: usize, states: u32): i32 {
  let index = find(row);
  if (index === NOT_FOUND) {
    if (size === capacity) return -1;
    if ((size + 1) * 2 > slotMask + 1) {
      doubleSlots();
      find(row);
    }
    index = size++;
    store<u32>(slots + slot * 4, index + 1);
  }
  const flow = flows + index * Flow.BYTES;
  v128.store(flow, v128.load(row, Row.SOURCE), Flow.SOURCE);
  v128.store(flow, v128.load(row, Row.DESTINATION), Flow.DESTINATION);
  v128.store(flow, v128.load(row, Row.OUTER_SOURCE), Flow.OUTER_SOURCE);
  store<u32>(flow, load<u32>(row, Row.PORTS), Flow.PORTS);
  store<u32>(flow, load<u32>(row, Row.META), Flow.META);
  store<u32>(flow, load<u32>(row, Row.OUTER_PORTS), Flow.OUTER_PORTS);
  store<u32>(flow, states, Flow.STATES);
  store<u32>(flow, load<u32>(row, Row.HASH), Flow.HASH);
  memory.fill(flow + Flow.COUNTS, 0, Flow.BYTES - Flow.COUNTS);
  return index;
}

function doubleSlots(): void {
  slotMask = slotMask * 2 + 1;
  memory.fill(slots, 0, (slotMask + 1) * 4);
  for (let index: u32 = 0; index < size; index++) {
    let at = load<u32>(flows + index * Flow.BYTES, Flow.HASH) & slotMask;
    while (load<u32>(slots + at * 4) !== 0) at = (at + 1) & slotMask;
    store<u32>(slots + at * 4, index + 1);
  }
}

/** Whether a packet without a tunnel goes to a port that was found to be one since its row was made. */
function isTunnelPort(row: usize): bool {
  if (((load<u32>(row, Row.META) >> 8) & 0xff) !== UDP) return false;
  const port = swapped(load<u16>(row, Row.PORTS + 2));
  return (load<u8>(tunnelPorts + (port >> 3)) & (1 << (port & 7))) !== 0;
}

function find(row: usize): u32 {
  const hash = load<u32>(row, Row.HASH);
  const source = v128.load(row, Row.SOURCE);
  const destination = v128.load(row, Row.DESTINATION);
  const rest = load<u64>(row, Row.PORTS);
  slot = hash & slotMask;
  while (true) {
    const index = load<u32>(slots + slot * 4) - 1;
    if (index === NOT_FOUND) return NOT_FOUND;
    const flow = flows + index * Flow.BYTES;
    if (load<u64>(flow, Flow.PORTS) === rest) {
      const different = v128.or(
        v128.xor(source, v128.load(flow, Flow.SOURCE)),
        v128.xor(destination, v128.load(flow, Flow.DESTINATION)),
      );
      if (!v128.any_true(different)) return index;
    }
    slot = (slot + 1) & slotMask;
  }
}

function leftFromSamePort(flow: usize, row: usize): bool {
  if (load<u32>(flow, Flow.OUTER_PORTS) !== load<u32>(row, Row.OUTER_PORTS)) return false;
  return !v128.any_true(
    v128.xor(v128.load(flow, Flow.OUTER_SOURCE), v128.load(row, Row.OUTER_SOURCE)),
  );
}

function countPacket(flow: usize, row: usize, record: usize, flags: u32, state: u32): void {
  const seconds = load<f64>(record, Record.SECONDS);
  const nanoseconds = load<u32>(record, Record.NANOSECONDS);
  const isFirst = load<u32>(flow, Flow.LARGEST) === 0;
  increment(flow + Flow.COUNTS + state * 4);
  if (flags & INNER_PARTIAL) increment(flow + Flow.INNER_PARTIAL);
  const length = load<u32>(row, Row.LENGTH);
  if (length > load<u32>(flow, Flow.LARGEST)) store<u32>(flow, length, Flow.LARGEST);
  store<f64>(flow, seconds, Flow.LAST_SECONDS);
  store<u32>(flow, nanoseconds, Flow.LAST_NANOSECONDS);
  if (
    isFirst ||
    isBefore(flow + Flow.LATEST_SECONDS, flow + Flow.LATEST_NANOSECONDS, seconds, nanoseconds)
  ) {
    store<f64>(flow, seconds, Flow.LATEST_SECONDS);
    store<u32>(flow, nanoseconds, Flow.LATEST_NANOSECONDS);
  }
  if (
    isFirst ||
    isBehind(flow + Flow.FIRST_SECONDS, flow + Flow.FIRST_NANOSECONDS, seconds, nanoseconds)
  ) {
    store<f64>(flow, seconds, Flow.FIRST_SECONDS);
    store<u32>(flow, nanoseconds, Flow.FIRST_NANOSECONDS);
  }
}

function countFrame(record: usize, state: u32): void {
  const point = stats + load<u32>(record, Record.INTERFACE) * Stats.BYTES;
  const seconds = load<f64>(record, Record.SECONDS);
  const nanoseconds = load<u32>(record, Record.NANOSECONDS);
  const isFirst = load<u32>(point, Stats.FRAMES) === 0;
  increment(point + Stats.FRAMES);
  if (state !== 0) increment(point + Stats.TUNNELS);
  const octets = load<u32>(record, Record.END) - load<u32>(record, Record.START);
  store<f64>(point, load<f64>(point, Stats.OCTETS) + octets, Stats.OCTETS);
  if (
    isFirst ||
    isBefore(point + Stats.LAST_SECONDS, point + Stats.LAST_NANOSECONDS, seconds, nanoseconds)
  ) {
    store<f64>(point, seconds, Stats.LAST_SECONDS);
    store<u32>(point, nanoseconds, Stats.LAST_NANOSECONDS);
  }
  if (
    isFirst ||
    isBehind(point + Stats.FIRST_SECONDS, point + Stats.FIRST_NANOSECONDS, seconds, nanoseconds)
  ) {
    store<f64>(point, seconds, Stats.FIRST_SECONDS);
    store<u32>(point, nanoseconds, Stats.FIRST_NANOSECONDS);
  }
}

function increment(at: usize): void {
  store<u32>(at, load<u32>(at) + 1);
}

/** Whether the time at the addresses is before the one given. */
function isBefore(secondsAt: usize, nanosecondsAt: usize, seconds: f64, nanoseconds: u32): bool {
  const known = load<f64>(secondsAt);
  return known < seconds || (known === seconds && load<u32>(nanosecondsAt) < nanoseconds);
}

function isBehind(secondsAt: usize, nanosecondsAt: usize, seconds: f64, nanoseconds: u32): bool {
  const known = load<f64>(secondsAt);
  return known > seconds || (known === seconds && load<u32>(nanosecondsAt) > nanoseconds);
}
