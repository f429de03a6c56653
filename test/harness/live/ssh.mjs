// Runs behind ssh-world.mjs: the same scenario through network namespaces and through ssh, what an ssh
// node says of its rules, and nodes that do not let us in.
import { appendFileSync } from 'node:fs';
import { between, leftOver, print, settled, stalesum, TARGET } from '../facts.mjs';

const FROM = 'ssh:stalesum-tester@192.168.50.1';
const TO = 'ssh:stalesum-tester@192.168.50.2';
const before = leftOver();

appendFileSync(
  `${process.env.HOME}/.ssh/config`,
  'Host strange\n  HostName 192.168.50.1\n  Port 2222\n  UserKnownHostsFile /dev/null\n' +
    'Host closed\n  HostName 192.168.50.1\n  Port 1\n',
);

const asked = node => ['inspect', '--node', node, '--json', '--target', TARGET.tcp];
const results = {
  netns: await between('netns:node-a', 'netns:node-b'),
  ssh: await between(FROM, TO),
  alias: await between('ssh:the-client', TO, ['--target', TARGET.udp, '--protocol', 'udp']),
  inspectNetns: await stalesum(asked('netns:node-a')),
  inspectSsh: await stalesum(asked(FROM)),
  strange: await stalesum(asked('ssh:strange')),
  stranger: await stalesum(asked('ssh:root@192.168.50.1')),
  closed: await stalesum(asked('ssh:closed')),
};
print({ ...results, left: await settled(before) });
