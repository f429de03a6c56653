/**
 * Nodes as a user writes them: `local`, `netns:NAME`, `pid:PID`, `docker:NAME`, `podman:NAME`,
 * `kubectl:NODE`, `ssh:[USER@]HOST`. Each kind takes only names that can be one, so that none of them can be an option
 * or mean anything to a shell or to the substitutions of an ssh configuration (`%h`, CVE-2023-51385).
 */
import { StalesumError } from '../errors.js';
import { isObjectName } from '../kubernetes/names.js';
import { printable } from '../output.js';

export type NodeDescription =
  | { readonly kind: 'local' }
  | { readonly kind: 'netns'; readonly name: string }
  | { readonly kind: 'pid'; readonly pid: number }
  | { readonly kind: 'docker' | 'podman'; readonly container: string }
  | { readonly kind: 'kubectl'; readonly node: string }
  | { readonly kind: 'ssh'; readonly destination: string };

/** How each kind is written, for messages and help. */
export const NODE_KINDS =
  'local, netns:NAME, pid:PID, docker:NAME, podman:NAME, kubectl:NODE or ssh:USER@HOST';

/** No control characters and no slash, as ip-netns(8) has it; it becomes part of a path. */
const NAMESPACE = /^(?!\.{1,2}$)[^\p{Cc}/]{1,255}$/u;
const PID = /^[1-9]\d{0,9}$/;
/** As Docker and Podman restrict the names and ids of containers. */
const CONTAINER = /^[A-Za-z0-9][\w.-]{0,254}$/;
/** A user (also `DOMAIN+name`), and a host name, an alias of the configuration, or an address. */
const DESTINATION = /^(?:[A-Za-z0-9_][\w.+-]{0,63}@)?[A-Za-z0-9_:][\w.:-]{0,252}$/;

/**
 * Reads what a user wrote.
 *
 * @throws StalesumError `usage` for an unknown kind, or a name that cannot be one of its kind
 */
export function parseNode(text: string): NodeDescription {
  if (text === 'local') return { kind: 'local' };
  const [, kind = '', name = ''] = /^([a-z]+):(.*)$/s.exec(text) ?? [];
  const refuse = (what: string) =>
    new StalesumError('usage', `"${printable(text)}": "${printable(name)}" cannot be ${what}`);
  switch (kind) {
    case 'netns':
      if (!NAMESPACE.test(name)) throw refuse('the name of a network namespace');
      return { kind, name };
    case 'pid':
      if (!PID.test(name)) throw refuse('the number of a process');
      return { kind, pid: Number(name) };
    case 'docker':
    case 'podman':
      if (!CONTAINER.test(name)) throw refuse('the name of a container');
      return { kind, container: name };
    case 'kubectl':
      if (!isObjectName(name)) throw refuse("the name of a cluster's node");
      return { kind, node: name };
    case 'ssh':
      if (!DESTINATION.test(name)) throw refuse('a destination of ssh; expected USER@HOST');
      return { kind, destination: name };
    default:
      throw new StalesumError('usage', `"${printable(text)}" is no node; expected ${NODE_KINDS}`);
  }
}

/** What reports call a node: `kind-worker`, `10.0.0.7`. */
export function nameOf(description: NodeDescription): string {
  switch (description.kind) {
    case 'local':
      return 'local';
    case 'netns':
      return description.name;
    case 'pid':
      return `pid-${description.pid}`;
    case 'docker':
    case 'podman':
      return description.container;
    case 'kubectl':
      return description.node;
    case 'ssh':
      return description.destination.replace(/^[^@]*@/, '');
  }
}
