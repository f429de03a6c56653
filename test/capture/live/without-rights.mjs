// As an ordinary user: what the ring says, and what is chosen instead.
import { chooseEngine } from '../../../dist/capture/choose.js';
import { localNode } from '../../../dist/node/local.js';
import { faultOf, print, ring } from './world.mjs';

const node = { ...localNode('here'), networkNamespace: '/proc/self/ns/net' };
const elsewhere = { ...node, name: 'there', networkNamespace: process.argv[2] };
const request = { node, interface: 'lo', filter: { kind: 'all' }, onFrame: () => undefined };
const { engine, note } = await chooseEngine('auto', node);
print({
  started: await faultOf(() => ring.start(request)),
  chosen: await faultOf(() => chooseEngine('ring', node)),
  auto: { engine: engine.name, note },
  elsewhere: await faultOf(() => ring.start({ ...request, node: elsewhere })),
});
