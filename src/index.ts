/**
 * stalesum as a library: bytes to fields and checksums (`wire`), capture files, and the analysis that
 * judges them. No files beyond the captures one hands it, no processes, no terminal.
 */

export { analyze } from './analysis/analyze.js';
export { CaptureObserver } from './analysis/capture-observer.js';
export { DEFAULT_EXIT_POLICY, type ExitPolicy } from './analysis/exit-code.js';
export type { AnalysisInput, CaptureInput, RunRecord } from './analysis/input.js';
export type { CaptureObservation } from './analysis/observation.js';
export * from './analysis/verdict.js';
export { readCaptureFile } from './capture-file/file.js';
export type { CapturedFrame, FrameVisitor } from './capture-file/frame.js';
export { CaptureStream, readCaptureStream } from './capture-file/stream.js';
export type { CaptureFileSummary } from './capture-file/summary.js';
export { type FaultKind, StalesumError } from './errors.js';
export { examinePaths } from './evidence/examine.js';
export { complement, fold, sumWords } from './wire/checksum.js';
export {
  type ChecksumFinding,
  emptyFinding,
  judgePacket,
  type SegmentFinding,
} from './wire/checksum-state.js';
export { linkTypeName } from './wire/link-layer.js';
export { DEFAULT_TUNNEL_PORTS, emptyPacket, type Packet, walkPacket } from './wire/packet.js';
export { type AddressChange, mangledZero, recoverSourcePort } from './wire/port-recovery.js';
