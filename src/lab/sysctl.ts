/** Kernel settings of a namespace, through /proc/sys. */
import { join } from 'node:path';
import type { Node } from '../node/node.js';
import type { LabSysctl } from './scenario.js';

/** One `tee` a value: it needs no shell, and is there where sysctl(8) is not. */
export async function writeSysctls(node: Node, sysctls: readonly LabSysctl[]): Promise<void> {
  const values = [...new Set(sysctls.map(({ value }) => value))];
  await Promise.all(
    values.map(input => {
      const files = sysctls
        .filter(({ value }) => value === input)
        .map(({ key }) => sysctlFile(key));
      return node.run('tee', files, { input });
    }),
  );
}

/** `/proc/sys/net/ipv4/ip_forward`. */
export function sysctlFile(key: string): string {
  return join('/proc/sys', key.replaceAll('.', '/'));
}
