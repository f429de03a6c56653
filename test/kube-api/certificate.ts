/** A certificate for one address, and the kubeconfig that trusts it; the key is in memory only. */
import { execFileSync } from 'node:child_process';

export interface Identity {
  readonly key: string;
  readonly cert: string;
}

/** Signed by itself, good for a day. */
export function certificateFor(address: string): Identity {
  const names = `subjectAltName=IP:${address}`;
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  const subject = ['-subj', '/CN=kube-api of a test', '-addext', names, '-days', '1'];
  const out = ['-keyout', '-'];
  const pem = execFileSync('openssl', ['req', '-x509', ...curve, ...subject, ...out], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const block = (name: string) =>
    new RegExp(`-----BEGIN ${name}-----[^]+?-----END ${name}-----\n`).exec(pem)?.[0] ?? '';
  return { key: block('PRIVATE KEY'), cert: block('CERTIFICATE') };
}

/**
 * A kubeconfig, in JSON, which is YAML: the context `test` is the current one, `stranger` has a token that
 * the server does not know.
 */
export function kubeconfigFor(server: string, cert: string, token: string): string {
  const cluster = {
    server,
    'certificate-authority-data': Buffer.from(cert).toString('base64'),
  };
  const context = (user: string) => ({ name: user, context: { cluster: 'test', user } });
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'test', cluster }],
    users: [
      { name: 'test', user: { token } },
      { name: 'stranger', user: { token: 'not-the-token' } },
    ],
    contexts: [context('test'), context('stranger')],
    'current-context': 'test',
  });
}
