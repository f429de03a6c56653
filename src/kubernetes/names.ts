/**
 * Names as Kubernetes has them. Whatever a user writes is held against these before anything runs, so that
 * no name can be an option, a path or another request to kubectl.
 * Source: https://kubernetes.io/docs/concepts/overview/working-with-objects/names/
 */
import { StalesumError } from '../errors.js';
import { printable } from '../output.js';

/** RFC 1123 label: a namespace. */
const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
/** RFC 1123 subdomain: a node, a pod, a service. Its length is checked apart. */
const SUBDOMAIN = /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*$/;
const LONGEST_SUBDOMAIN = 253;
/** RFC 6335, 5.1: a port's name has a letter, and no two hyphens side by side. */
const SERVICE_NAME = /^(?=.{1,15}$)(?=.*[a-z])[a-z0-9]+(?:-[a-z0-9]+)*$/;
/** A registry, a path, and a tag or digest (distribution/reference), by its characters alone. */
const IMAGE = /^[A-Za-z0-9][\w.:/@-]{0,511}$/;

export function isNamespaceName(text: string): boolean {
  return LABEL.test(text);
}

/** Of a node, a pod, a service. */
export function isObjectName(text: string): boolean {
  return text.length <= LONGEST_SUBDOMAIN && SUBDOMAIN.test(text);
}

/** A port as a user writes it: its number, or its name. */
export function parsePort(text: string): number | string | undefined {
  if (!/^\d+$/.test(text)) return SERVICE_NAME.test(text) ? text : undefined;
  const port = Number(text);
  return port >= 1 && port <= 65535 ? port : undefined;
}

/** @throws StalesumError `usage` for what can be none */
export function checkedNamespace(text: string): string {
  if (isNamespaceName(text)) return text;
  throw refused(text, 'the name of a namespace');
}

/** @throws StalesumError `usage` for what can be none */
export function checkedImage(text: string): string {
  if (IMAGE.test(text)) return text;
  throw refused(text, 'the name of a container image');
}

/**
 * A context may have any name (`arn:aws:eks:...:cluster/x`, `admin@kind`); it is handed on as one argument
 * behind `--context=`.
 *
 * @throws StalesumError `usage` for an empty one, or one with control characters
 */
export function checkedContext(text: string): string {
  if (text !== '' && !/\p{Cc}/u.test(text)) return text;
  throw refused(text, 'the name of a context');
}

function refused(text: string, what: string): StalesumError {
  return new StalesumError('usage', `"${printable(text)}" cannot be ${what}`);
}
