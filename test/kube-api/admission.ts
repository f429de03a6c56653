/** What a new object must be, and what the server adds to it (a pod's defaults are the recorded cluster's). */
import { randomBytes } from 'node:crypto';
import { recorded } from './cluster.js';
import { ApiFault } from './fault.js';
import { type KubeObject, PODS, type Pod, type Resource, SERVICES } from './objects.js';
import { UNSEEN } from './pod-status.js';

const SUBDOMAIN = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/;
const RULE =
  'a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, ' +
  "'-' or '.', and must start and end with an alphanumeric character";

/** The object to keep, of what a client sent. @throws ApiFault 422 for a name that cannot be one. */
export function admitted(resource: Resource, namespace: string | undefined, sent: KubeObject) {
  const { metadata, ...rest } = sent as KubeObject & { kind?: string; apiVersion?: string };
  delete rest.kind;
  delete rest.apiVersion;
  const random = () => randomBytes(3).toString('hex').slice(0, 5);
  const name = metadata.name ?? (metadata.generateName && metadata.generateName + random()) ?? '';
  if (!SUBDOMAIN.test(name) || name.length > 253) {
    const reason = `Invalid value: ${JSON.stringify(name)}: ${RULE}`;
    const causes = [{ reason: 'FieldValueInvalid', message: reason, field: 'metadata.name' }];
    const text = `${resource.kind} ${JSON.stringify(name)} is invalid: metadata.name: ${reason}`;
    throw new ApiFault(422, 'Invalid', text, { name, kind: resource.kind, causes });
  }
  const object = { metadata: { ...metadata, name, ...(namespace && { namespace }) }, ...rest };
  if (resource === PODS) return podWithDefaults(object as Pod);
  return resource === SERVICES ? serviceWithDefaults(object) : object;
}

function podWithDefaults(pod: Pod): Pod {
  const { containers, nodeName: _, ...defaults } = recorded('pod').spec;
  const { command: _none, name: _name, image: _image, ...ofContainer } = containers[0];
  return {
    ...pod,
    spec: {
      ...{ ...defaults, terminationGracePeriodSeconds: 30, ...pod.spec },
      containers: pod.spec.containers.map(container => ({ ...ofContainer, ...container })),
    },
    status: { ...UNSEEN },
  };
}

let services = 0;

function serviceWithDefaults(object: KubeObject): KubeObject {
  const { spec, status } = recorded('service');
  const sent = (object as KubeObject & { spec: { clusterIP?: string; ports: { port: number }[] } })
    .spec;
  const clusterIP = sent.clusterIP ?? `10.96.200.${++services}`;
  const ports = sent.ports.map(port => ({ protocol: 'TCP', targetPort: port.port, ...port }));
  const own = { ...spec, ...sent, clusterIP, clusterIPs: [clusterIP], ports };
  return { ...object, spec: own, status } as KubeObject;
}

/**
 * PodSecurity's refusal at the level `baseline`
 * (https://kubernetes.io/docs/concepts/security/pod-security-standards/); undefined for a harmless pod.
 */
export function violation({ metadata, spec }: Pod): ApiFault | undefined {
  const host = (['hostNetwork', 'hostPID'] as const).filter(name => spec[name]);
  const privileged = spec.containers.filter(({ securityContext }) => securityContext?.privileged);
  const reasons = [
    ...(host.length > 0
      ? [`host namespaces (${host.map(name => `${name}=true`).join(', ')})`]
      : []),
    ...privileged.map(
      ({ name }) => `privileged (container "${name}" must not set securityContext.privileged=true)`,
    ),
  ];
  if (reasons.length === 0) return undefined;
  const why = `violates PodSecurity "baseline:latest": ${reasons.join(', ')}`;
  const { name } = metadata;
  const details = { name, kind: 'pods' };
  return new ApiFault(403, 'Forbidden', `pods "${name}" is forbidden: ${why}`, details);
}
