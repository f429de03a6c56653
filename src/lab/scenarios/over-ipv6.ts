/** The same scenario with its tunnel over IPv6: what is below the tunnel changes, and nothing above it. */
import type { LabChange, Scenario } from '../scenario.js';

/** `notrack-ipv6`; the plain bug over IPv6 has a name of its own, `ipv6-underlay`. */
const SUFFIX = '-ipv6';

/** `undefined` where the scenario's point is made by IPv4, or it has IPv6 below already. */
export function overIpv6(scenario: Scenario): Scenario | undefined {
  const { vxlan, changes } = scenario;
  if (scenario.onlyIpv4 || vxlan.underlay === 'ipv6' || scenario.name === 'unpatched') {
    return undefined;
  }
  return {
    ...scenario,
    name: `${scenario.name}${SUFFIX}`,
    title: `${scenario.title}; VXLAN over IPv6`,
    vxlan: { ...vxlan, underlay: 'ipv6' },
    changes: changes.map(ofTheTunnel),
  };
}

/** What a scenario changes with iptables, it changes for the tunnel's datagrams. */
function ofTheTunnel(change: LabChange): LabChange {
  return { ...change, command: change.command.replace(/^iptables/, 'ip6tables') };
}
