/** Options of `stalesum reproduce`, as the command line hands them on. */
import type { EngineChoice } from '../capture/engine.js';
import type { BetweenOptions, ClusterOptions } from './between-options.js';
import type { KernelOptions } from './on-kernel.js';
import type { OutputOptions, PolicyOptions } from './options.js';

export interface ReproduceOptions
  extends OutputOptions,
    PolicyOptions,
    KernelOptions,
    BetweenOptions,
    ClusterOptions {
  readonly scenario: string;
  readonly timeout?: number;
  readonly attempts?: number;
  readonly protocol?: 'tcp' | 'udp';
  readonly retransmits: 'classic' | 'kernel';
  readonly tap: boolean;
  readonly engine: EngineChoice;
  readonly asExpected: boolean;
  readonly out?: string;
  readonly keepPayload: boolean;
}
