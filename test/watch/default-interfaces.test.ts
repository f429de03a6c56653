import { describe, expect, it } from 'vitest';
import { ofIpv4, ofIpv6 } from '../../src/watch/default-interfaces.js';

// /proc/net/route and ipv6_route of Linux 6.18, with routes added by hand in a namespace.
const IPV4 = `Iface	Destination	Gateway 	Flags	RefCnt	Use	Metric	Mask		MTU	Window	IRTT
*	00000000	00000000	0200	0	0	400	00000000	0	0	0
ens5	00000000	010200C0	0003	0	0	0	00000000	0	0	0
ens6	00000000	010200C0	0003	0	0	100	00000000	0	0	0
down0	00000000	010200C0	0002	0	0	100	00000000	0	0	0
tun0	00000000	00000000	0001	0	0	0	00000080	0	0	0
ens5	000200C0	00000000	0001	0	0	0	00FFFFFF	0	0	0
`;
const NONE = '00000000000000000000000000000000';
const IPV6 = `fd000000000000000000000000000000 40 ${NONE} 00 ${NONE} 00000100 00000001 00000000 00000001     eth0
${NONE} 00 ${NONE} 00 fd000000000000000000000000000001 00000400 00000003 00000000 00000003     eth0
${NONE} 01 ${NONE} 00 fd000000000000000000000000000001 00000400 00000003 00000000 00000003     half0
${NONE} 00 ${NONE} 00 ${NONE} ffffffff 00000001 00000000 00200200       lo
`;

describe('the interfaces of the default routes', () => {
  it('are those of routes that are up, to everywhere, and lead somewhere', () => {
    expect(ofIpv4(IPV4)).toEqual(['ens5', 'ens6']);
    expect(ofIpv6(IPV6)).toEqual(['eth0']);
  });

  it('are none without a table', () => {
    expect([...ofIpv4(''), ...ofIpv6('')]).toEqual([]);
  });
});
