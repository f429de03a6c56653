/** Kernel settings, saved as `path value` or `name = value` lines. */

/** By the dotted name: `net.core.txrehash`. Values are kept as text: some are two numbers. */
export type Sysctls = ReadonlyMap<string, string>;

export function parseSysctls(text: string): Sysctls {
  const settings = new Map<string, string>();
  for (const line of text.split('\n')) {
    const match = /^(?:\/proc\/sys\/)?([^\s=#]+)(?:\s*=\s*|\s+)([^\s=].*)$/.exec(line.trim());
    if (match) settings.set((match[1] ?? '').replaceAll('/', '.'), (match[2] ?? '').trim());
  }
  return settings;
}

/** A setting as a number; `undefined` if it is absent or none. */
export function sysctlNumber(sysctls: Sysctls, name: string): number | undefined {
  const value = Number(sysctls.get(name) ?? Number.NaN);
  return Number.isFinite(value) ? value : undefined;
}
