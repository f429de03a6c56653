/** What kubectl's words mean. */
import { messageOf, StalesumError } from '../errors.js';

/** The server has answered, so it is known that nothing was done. */
export function isServersAnswer(words: string): boolean {
  return /^(?:Error from server \((?!Timeout|ServerTimeout|InternalError)|error: You must be logged in)/m.test(
    words,
  );
}

export function isNotFound(words: string): boolean {
  return /^Error from server \(NotFound\)/m.test(words);
}

export function isForbidden(words: string): boolean {
  return /^Error from server \(Forbidden\)|^error: .*\bforbidden\b/im.test(words);
}

/** Lines of its log, as klog writes them. */
const LOG = /^[EWIF]\d{4} \d\d:\d\d:.*\n?/gm;

/** What it says, on one line, without its log. */
export function plainWords(words: string): string {
  return messageOf(words.replace(LOG, '').trim())
    .replace(/^error: /i, '')
    .replace('error when creating "STDIN": ', '');
}

/**
 * The fault behind a kubectl that failed.
 *
 * @param what What was asked for, as the beginning of a sentence: `node-a`.
 */
export function kubectlFault(what: string, words: string): StalesumError {
  const text = plainWords(words) || 'it says nothing';
  const message = `kubectl: ${what}: ${text}`;
  if (
    /violates PodSecurity|PodSecurityPolicy|unable to validate against any security/i.test(text)
  ) {
    const remedy =
      'the pod must be privileged: take a namespace that allows it (--namespace), as kube-system mostly does';
    return new StalesumError('not-permitted', message, remedy);
  }
  if (isForbidden(words)) {
    const remedy = 'the rights that are needed are in deploy/rbac.yaml';
    return new StalesumError('not-permitted', message, remedy);
  }
  if (/Unauthorized|must be logged in|provide credentials/i.test(text)) {
    return new StalesumError('not-permitted', message, '"kubectl get nodes" must work');
  }
  if (/context .* does not exist|context was not found/i.test(text)) {
    return new StalesumError('unavailable', message, 'kubectl config get-contexts lists them');
  }
  if (/Unable to connect|connection to the server .* was refused|localhost:8080/i.test(text)) {
    const remedy = 'KUBECONFIG and --context name the cluster; "kubectl get nodes" must work';
    return new StalesumError('unavailable', message, remedy);
  }
  return new StalesumError('unavailable', message);
}
