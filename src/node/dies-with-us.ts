import { findCommand } from './find-command.js';

/**
 * What stands in front of a command so that the kernel kills it when this process dies, `kill -9`
 * included (prctl(2), PR_SET_PDEATHSIG; the setting survives execve). The name is that of setpriv of
 * util-linux. As process 1 of a pid namespace we need nothing: when we die, all in it is killed. Systems other than
 * Linux, from which nodes elsewhere can be reached, have no such thing.
 *
 * @throws StalesumError `missing-tool` without setpriv.
 */
export function diesWithUs(): readonly string[] {
  return process.pid === 1 || process.platform !== 'linux'
    ? []
    : [findCommand('setpriv'), '--pdeathsig', 'KILL', '--'];
}
