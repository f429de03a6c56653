// Runs on node A of a lab: the same scenario through network namespaces and through kubectl, targets that
// the cluster looks up, the least rights, and all that may be in the way.
import { execFileSync } from 'node:child_process';
import { existsSync, realpathSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { findCommand } from '../../../dist/node/find-command.js';
import { between, leftOver, print, settled, TARGET } from '../facts.mjs';
import { byRules, leadNextService, nothing, podsLeft, startCluster } from '../kube-world.mjs';

const FROM = 'kubectl:node-a';
const TO = 'kubectl:node-b';
const PAIR = ['--from', FROM, '--to', TO, '--target', TARGET.tcp];
const ROLES = fileURLToPath(new URL('../../../deploy/rbac.yaml', import.meta.url));
const before = leftOver();

const cluster = await startCluster();
const { api, env } = cluster;
const json = args => cluster.stalesum([...args, '--json']);
const results = {
  netns: await between('netns:node-a', 'netns:node-b'),
  kubectl: await between(FROM, TO, [], { env }),
  inspectNetns: await json(['inspect', '--node', 'netns:node-a', '--target', TARGET.tcp]),
  inspectKubectl: await json(['inspect', '--node', FROM, '--target', TARGET.tcp]),
  mixed: await json(['reproduce', '--from', 'netns:node-a', '--target', 'pod/default/web:8080']),
};

const rules = rulesOf(ROLES);
const asked = [];
const allowed = byRules(rules);
api.faults.authorize = attributes => {
  asked.push(attributes);
  return allowed(attributes);
};
results.leastRights = await json([
  ...['reproduce', '--namespace', 'stalesum', '--target', 'svc/default/web:53'],
  ...['--protocol', 'udp', '--pod-timeout', '30'],
]);
api.faults.refusesWebSockets = true;
results.overSpdy = await json([
  'inspect',
  '--node',
  FROM,
  '--namespace',
  'stalesum',
  '--target',
  TARGET.tcp,
]);
api.faults.refusesWebSockets = false;
const led = leadNextService(cluster);
results.deployed = await json([
  ...['reproduce', '--deploy-target', '--namespace', 'stalesum', '--from', 'netns:node-a'],
]);
results.serviceAddress = await led;
results.podLookUp = await json(['reproduce', '--target', 'pod/default/nowhere:80']);
api.faults.authorize = () => true;
results.asked = [
  ...new Set(asked.map(({ verb, group, resource }) => `${verb} ${resource}.${group}`)),
];
results.ruled = [...new Set(rules.flatMap(pairsOf))];

results.failures = {
  forbidden: await failing({ authorize: nothing }),
  podSecurity: await failing({ podSecurity: true }),
  lacksImages: await failing({ lacksImages: true }, ['--image', 'example.com/no/such:1']),
  noNode: await cluster.stalesum(['reproduce', ...PAIR, '--from', 'kubectl:nowhere']),
  noNamespace: await cluster.stalesum(['reproduce', ...PAIR, '--namespace', 'nowhere']),
  noContext: await cluster.stalesum(['reproduce', ...PAIR, '--context', '-x; touch /run/owned']),
  noServer: await cluster.stalesum(['reproduce', ...PAIR], { env: { KUBECONFIG: '/dev/null' } }),
  noKubectl: await withoutKubectl(() => cluster.stalesum(['reproduce', ...PAIR])),
  silent: await failing({ silent: true }),
  noPort: await cluster.stalesum(['reproduce', '--target', 'svc/default/web:81']),
  pending: await failing({ neverStarts: true }, ['--pod-timeout', '1']),
};
results.pods = await podsLeft(cluster);
api.loseNode('node-b');
results.failures.notReady = await cluster.stalesum(['reproduce', ...PAIR]);
await api.close();
results.owned = existsSync('/run/owned');
print({ ...results, left: await settled(before) });
process.exit(0);

async function failing(faults, more = []) {
  const usual = { ...api.faults };
  Object.assign(api.faults, faults);
  const result = await cluster.stalesum(['reproduce', ...PAIR, ...more]);
  Object.assign(api.faults, usual);
  return result;
}

function pathOf(command) {
  try {
    return realpathSync(findCommand(command));
  } catch {
    return undefined;
  }
}

async function withoutKubectl(run) {
  const hidden = [];
  try {
    for (let path = pathOf('kubectl'); path; path = pathOf('kubectl')) {
      execFileSync(findCommand('mount'), ['--bind', '/dev/null', path]);
      hidden.push(path);
    }
    return await run();
  } finally {
    for (const path of hidden) execFileSync(findCommand('umount'), [path]);
  }
}

/** The rules of all roles in a file; kubectl reads the YAML, and asks nobody for it. */
function rulesOf(path) {
  const args = ['label', '--local', '-f', path, 'read=yes', '-o', 'json'];
  const documents = execFileSync('kubectl', args)
    .toString()
    .split(/^(?=\{)/m);
  return documents
    .map(text => JSON.parse(text))
    .flatMap(({ metadata, rules: own = [] }) =>
      own.map(rule => ({ ...rule, ...(metadata.namespace && { namespace: metadata.namespace }) })),
    );
}

function pairsOf({ apiGroups, resources, verbs }) {
  return verbs.flatMap(verb =>
    resources.flatMap(resource => apiGroups.map(group => `${verb} ${resource}.${group}`)),
  );
}
