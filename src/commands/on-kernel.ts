/** A command of the lab, run under another kernel: `--kernel IMAGE`. */
import { StalesumError } from '../errors.js';

export interface KernelOptions {
  readonly kernel?: string;
  readonly modules?: string;
  readonly quiet: boolean;
  readonly json: boolean;
}

/** @throws StalesumError `usage` for modules without a kernel */
export function isForKernel({ kernel, modules }: KernelOptions): boolean {
  if (kernel === undefined && modules !== undefined) {
    throw new StalesumError('usage', '--modules is for the kernel that --kernel names');
  }
  return kernel !== undefined;
}

/**
 * Runs this same command line in a virtual machine with that kernel.
 *
 * @param outputs What the command writes, as its options name it.
 * @returns The command's exit code.
 */
export async function onKernel(
  { kernel = '', modules, quiet, json }: KernelOptions,
  outputs: readonly (string | undefined)[],
  memoryMebibytes?: number,
): Promise<number> {
  const { runOnKernel, withoutOptions } = await import('../guest/run.js');
  return runOnKernel({
    image: kernel,
    modules,
    args: withoutOptions(process.argv.slice(2), ['--kernel', '--modules']),
    outputs: outputs.filter(path => path !== undefined),
    quiet: quiet || json,
    ...(memoryMebibytes === undefined ? {} : { memoryMebibytes }),
  });
}
