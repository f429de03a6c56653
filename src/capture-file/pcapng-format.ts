/** Numbers and layouts of pcapng that reader and writer share (draft-ietf-opsawg-pcapng). */

export const blockType = {
  sectionHeader: 0x0a0d0d0a,
  interfaceDescription: 1,
  obsoletePacket: 2,
  simplePacket: 3,
  nameResolution: 4,
  interfaceStatistics: 5,
  enhancedPacket: 6,
  systemdJournal: 9,
  decryptionSecrets: 10,
  custom: 0x0bad,
  customNotCopied: 0x4000_0bad,
} as const;

/** As it reads in the byte order of its section. */
export const byteOrderMagic = 0x1a2b3c4d;

/** Type and length before the body, and the length again behind it. */
export const blockOverhead = 12;

/** Fixed parts of the packet blocks, type and both lengths included. The obsolete one's is as long. */
export const enhancedPacketLength = 32;
export const simplePacketLength = 16;

/** The least length of a block of this type: its fixed part, type and both lengths included. */
export function minimumLength(type: number): number {
  switch (type) {
    case blockType.sectionHeader:
      return 28;
    case blockType.interfaceDescription:
      return 20;
    case blockType.interfaceStatistics:
      return 24;
    case blockType.enhancedPacket:
    case blockType.obsoletePacket:
      return enhancedPacketLength;
    case blockType.simplePacket:
      return simplePacketLength;
    default:
      return blockOverhead;
  }
}

export const option = {
  endOfOptions: 0,
  comment: 1,
  hardware: 2,
  operatingSystem: 3,
  userApplication: 4,
  interfaceName: 2,
  interfaceDescription: 3,
  interfaceResolution: 9,
  interfaceFilter: 11,
  interfaceOperatingSystem: 12,
  interfaceTimeOffset: 14,
  packetFlags: 2,
  packetDropCount: 4,
  statisticsReceived: 4,
  statisticsInterfaceDrops: 5,
  statisticsSystemDrops: 7,
} as const;

/** Direction bits (0 and 1) of epb_flags. */
export const directionBits = { mask: 3, inbound: 1, outbound: 2 } as const;

const names: ReadonlyMap<number, string> = new Map([
  [blockType.sectionHeader, 'Section Header Block'],
  [blockType.interfaceDescription, 'Interface Description Block'],
  [blockType.obsoletePacket, 'Packet Block'],
  [blockType.simplePacket, 'Simple Packet Block'],
  [blockType.nameResolution, 'Name Resolution Block'],
  [blockType.interfaceStatistics, 'Interface Statistics Block'],
  [blockType.enhancedPacket, 'Enhanced Packet Block'],
  [blockType.systemdJournal, 'systemd Journal Export Block'],
  [blockType.decryptionSecrets, 'Decryption Secrets Block'],
  [blockType.custom, 'Custom Block'],
  [blockType.customNotCopied, 'Custom Block'],
]);

/** The name of a block type as the draft gives it. */
export function blockName(type: number): string {
  return names.get(type) ?? `block of type 0x${type.toString(16).padStart(8, '0')}`;
}

/** The length (below 2^31) with padding to a multiple of 4 bytes. */
export function padded(length: number): number {
  return (length + 3) & ~3;
}
