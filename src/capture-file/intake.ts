/** What the bytes of a capture are handed to, in their order. */
import type { CaptureFileSummary } from './summary.js';

export interface CaptureIntake {
  /** Takes the next bytes; they are the caller's again on return. */
  push(chunk: Uint8Array): void;
  /** Says that nothing follows. */
  end(): CaptureFileSummary;
}

/** Makes one. `sha256` false: the bytes that are hashed are others, or none. */
export type IntakeFor = (sha256: boolean) => CaptureIntake;
