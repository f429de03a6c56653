/**
 * What stands around a command that is run at the far end of a stream (ssh, podman exec, kubectl exec).
 * Such a command is not ended with the stream: a tcpdump on a quiet link would stay for ever. So a
 * shell beside it holds the stream's input, and ends the command when the input ends, for whatever
 * reason: we told it to, were killed, or the connection was cut. Until then the input carries the names of
 * signals for the command, one a line.
 */

/** Said instead of the shell's own words, which differ. */
export const NOT_FOUND = 'stalesum: no such command';
const NOT_FOUND_CODE = 127;

/** Ordinary users have no sbin in their PATH; and messages are read, so they are in English. */
const ENVIRONMENT =
  'PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin LC_ALL=C; export PATH LC_ALL\n';

const FIND = `command -v "$1" >/dev/null 2>&1 || { echo "${NOT_FOUND}" >&2; exit ${NOT_FOUND_CODE}; }\n`;

/** Seconds that a command gets to end when the stream has. */
const GRACE_SECONDS = 2;

/**
 * The command has no input. Jobs in the background ignore SIGINT unless they ask for it (POSIX 2.11);
 * tcpdump and conntrack do. What the command has started itself ends with it: all of it is in one process
 * group, which is ours where sshd or the container's runtime has made us its leader.
 */
const WATCHED = `${ENVIRONMENT}${FIND}exec 3<&0 </dev/null
"$@" 3<&- &
command=$!
all=$command
read -r _ _ _ _ group _ 2>/dev/null </proc/$$/stat && [ "$group" = $$ ] && all=0
{
  trap '' TERM
  while read -r signal; do kill -s "$signal" "$command"; done
  kill -s TERM "$all"
  sleep ${GRACE_SECONDS}
  kill -s KILL "$all"
} <&3 3<&- >/dev/null 2>&1 &
watch=$!
exec 3<&-
wait "$command"
code=$?
kill -s KILL "$watch" 2>/dev/null
`;

const EXIT = 'exit "$code"';

/** The command has the stream's input for its own, and sees its end itself. */
const PLAIN = `${ENVIRONMENT}${FIND}exec "$@"`;

/** The last line of an output that is there as a whole, with the command's exit code. */
const END = 'stalesum: ended with';
const SAY_END = `printf '${END} %s\\n' "$code"\n`;
const PLAIN_WITH_END = `${ENVIRONMENT}${FIND}"$@"\ncode=$?\n${SAY_END}${EXIT}`;

export interface RemoteCommandOptions {
  /** The stream's input is the command's. */
  readonly hasInput: boolean;
  /** Behind its output stands that it has ended, for `wholeOutput`. */
  readonly saysEnd?: boolean;
}

/** The argument vector to be run there. */
export function remoteCommand(
  command: string,
  args: readonly string[],
  { hasInput, saysEnd = false }: RemoteCommandOptions,
): readonly [string, ...string[]] {
  const watched = `${WATCHED}${saysEnd ? SAY_END : ''}${EXIT}`;
  const plain = saysEnd ? PLAIN_WITH_END : PLAIN;
  return ['sh', '-c', hasInput ? plain : watched, 'sh', command, ...args];
}

/** An output that is there to its end, without the line that says so; else `undefined`. */
export function wholeOutput(
  stdout: string,
): { readonly stdout: string; readonly exitCode: number } | undefined {
  const end = /stalesum: ended with (\d{1,3})\n$/.exec(stdout);
  return end ? { stdout: stdout.slice(0, end.index), exitCode: Number(end[1]) } : undefined;
}

export function wasNotFound(exitCode: number | undefined, stderr: string): boolean {
  return exitCode === NOT_FOUND_CODE && stderr.includes(NOT_FOUND);
}
