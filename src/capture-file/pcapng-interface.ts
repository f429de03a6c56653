/** Interface Description and Statistics Blocks (draft-ietf-opsawg-pcapng). */

import { option } from './pcapng-format.js';
import { type TextReader, walkOptions } from './pcapng-options.js';
import type { CaptureInterface } from './summary.js';
import { type TickScale, tickScale } from './timestamp.js';

/** An interface while its file is read. */
export interface PcapngInterface {
  /** Counted over all sections. */
  readonly index: number;
  readonly linkType: number;
  readonly snapLength: number;
  scale: TickScale;
  name: string | undefined;
  description: string | undefined;
  filter: string | undefined;
  os: string | undefined;
  received: number | undefined;
  /** isb_ifdrop and isb_osdrop of the last statistics that had them. */
  interfaceDrops: number | undefined;
  systemDrops: number | undefined;
  /** Sum of the drop counts in packets. */
  packetDrops: number | undefined;
}

/** Microseconds, where if_tsresol is absent. */
const defaultResolution = 6;

/** What of a block to read: its offsets are those of the block's first byte and the byte behind its options. */
export interface BlockExtent {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly at: number;
  readonly optionsEnd: number;
  readonly littleEndian: boolean;
}

/** Reads an Interface Description Block; undefined if its options run over its end. */
export function readInterfaceDescription(
  block: BlockExtent,
  index: number,
  texts: TextReader,
  onComment: (at: number, length: number) => void,
): PcapngInterface | undefined {
  const { bytes, view, at, optionsEnd, littleEndian } = block;
  let resolution = defaultResolution;
  let offsetSeconds = 0;
  const found: PcapngInterface = {
    index,
    linkType: view.getUint16(at + 8, littleEndian),
    snapLength: view.getUint32(at + 12, littleEndian),
    scale: tickScale(resolution, offsetSeconds),
    name: undefined,
    description: undefined,
    filter: undefined,
    os: undefined,
    received: undefined,
    interfaceDrops: undefined,
    systemDrops: undefined,
    packetDrops: undefined,
  };
  const whole = walkOptions(view, at + 16, optionsEnd, littleEndian, (code, value, length) => {
    if (code === option.comment) onComment(value, length);
    else if (code === option.interfaceName) found.name = texts.read(bytes, value, length);
    else if (code === option.interfaceDescription)
      found.description = texts.read(bytes, value, length);
    else if (code === option.interfaceOperatingSystem) found.os = texts.read(bytes, value, length);
    // The first byte says what follows: 0 is the text of a libpcap filter, 1 its BPF program.
    else if (code === option.interfaceFilter && length > 0 && view.getUint8(value) === 0)
      found.filter = texts.read(bytes, value + 1, length - 1);
    else if (code === option.interfaceResolution && length === 1) resolution = view.getUint8(value);
    else if (code === option.interfaceTimeOffset && length === 8)
      offsetSeconds = Number(view.getBigInt64(value, littleEndian));
  });
  found.scale = tickScale(resolution, offsetSeconds);
  return whole ? found : undefined;
}

/** Takes over the counters of an Interface Statistics Block; false if its options run over its end. */
export function readInterfaceStatistics(
  block: BlockExtent,
  target: PcapngInterface,
  onComment: (at: number, length: number) => void,
): boolean {
  const { view, at, optionsEnd, littleEndian } = block;
  return walkOptions(view, at + 20, optionsEnd, littleEndian, (code, value, length) => {
    if (code === option.comment) onComment(value, length);
    else if (length !== 8) return;
    else if (code === option.statisticsReceived)
      target.received = Number(view.getBigUint64(value, littleEndian));
    else if (code === option.statisticsInterfaceDrops)
      target.interfaceDrops = Number(view.getBigUint64(value, littleEndian));
    else if (code === option.statisticsSystemDrops)
      target.systemDrops = Number(view.getBigUint64(value, littleEndian));
  });
}

/** The interface as the summary shows it. */
export function describeInterface(from: PcapngInterface): CaptureInterface {
  const drops = kernelDrops(from);
  return {
    linkType: from.linkType,
    snapLength: from.snapLength,
    ...(from.name !== undefined && { name: from.name }),
    ...(from.description !== undefined && { description: from.description }),
    ...(from.filter !== undefined && { filter: from.filter }),
    ...(from.os !== undefined && { os: from.os }),
    ...(drops !== undefined && { kernelDrops: drops }),
    ...(from.received !== undefined && { received: from.received }),
  };
}

function kernelDrops(of: PcapngInterface): number | undefined {
  const { interfaceDrops, systemDrops, packetDrops } = of;
  const counted =
    interfaceDrops === undefined && systemDrops === undefined
      ? undefined
      : (interfaceDrops ?? 0) + (systemDrops ?? 0);
  if (counted === undefined || packetDrops === undefined) return counted ?? packetDrops;
  return Math.max(counted, packetDrops);
}
