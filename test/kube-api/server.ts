/**
 * A small Kubernetes API server for the tests, which the real kubectl is driven with
 * (https://kubernetes.io/docs/reference/using-api/api-concepts/, in the shape that a cluster of version 1.28
 * answered). It knows what stalesum uses and nothing else; commands of pods run where the test says.
 *
 *     const api = await startApi({
 *       objects: cluster({ nodes: [{ name: 'node-a', ip: '192.168.50.1' }] }),
 *       run: (pod, _container, argv) =>
 *         ['nsenter', `--net=/run/netns/${pod.spec.nodeName}`, '--', ...argv],
 *     });
 *     writeFileSync(path, api.kubeconfig, { mode: 0o600 });
 *     execFileSync('kubectl', ['--kubeconfig', path, 'get', 'nodes']);
 *     api.faults.lacksImages = true; // and so on: see Faults; api.loseNode('node-a'); api.cut()
 *     await api.close(); // ends the processes of all pods
 *
 * Scripts that run in a lab get `startApi` and `cluster` from load.mjs. Without rights on the machine `run` may give
 * `argv` as it is. `api.requests` has what was asked; `api.store.events` tells every change.
 */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { type IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { buffer, json, text } from 'node:stream/consumers';
import { reviewed } from './access-review.js';
import { answer, listed, watch, whole } from './answers.js';
import { type Authorizer, everything, forbidden, USER } from './authorization.js';
import { certificateFor, kubeconfigFor } from './certificate.js';
import { create, remove } from './changes.js';
import type { Placed } from './cluster.js';
import { discovery, OPENAPI_V2 } from './discovery.js';
import { keepEndpoints } from './endpoints.js';
import { serveExec } from './exec.js';
import { ApiFault, KubeletFault } from './fault.js';
import { createKubelet } from './kubelet.js';
import { type KubeObject, PODS, type Pod } from './objects.js';
import type { Run } from './processes.js';
import { type Asked, asked } from './requests.js';
import { createStore } from './store.js';

/** How the server misbehaves; may be changed while it runs. */
export interface Faults {
  /** What the user may do; what it refuses gets a 403. */
  authorize: Authorizer;
  /** Pods wait in ImagePullBackOff. */
  lacksImages: boolean;
  /** Pods stay in ContainerCreating. */
  neverStarts: boolean;
  /** Pods with rights on their node are refused: violates PodSecurity. */
  podSecurity: boolean;
  /** Requests are taken and never answered. */
  silent: boolean;
  /** WebSocket is refused, as by a server before 1.29; kubectl falls back to SPDY. */
  refusesWebSockets: boolean;
}

export interface ApiOptions {
  readonly objects: readonly Placed[];
  readonly run: Run;
  readonly address?: string;
  readonly podIP?: (pod: Pod) => string;
  readonly faults?: Partial<Faults>;
}

export type Api = Awaited<ReturnType<typeof startApi>>;

export async function startApi({
  objects,
  run,
  address = '127.0.0.1',
  podIP,
  faults: first,
}: ApiOptions) {
  const faults: Faults = {
    ...{ authorize: everything, lacksImages: false, neverStarts: false, podSecurity: false },
    ...{ silent: false, refusesWebSockets: false, ...first },
  };
  const store = createStore();
  for (const { resource, object } of objects) store.add(resource, structuredClone(object));
  keepEndpoints(store);
  const kubelet = createKubelet(store, {
    ...{ run, podIP },
    lacksImages: () => faults.lacksImages,
    neverStarts: () => faults.neverStarts,
  });
  const world = { store, kubelet, faults };
  const token = randomUUID();
  const execs = new Set<Duplex>();
  /** Each request, as `GET /api/v1/...`. */
  const requests: string[] = [];

  function authenticated(request: IncomingMessage): URL {
    const url = new URL(request.url ?? '/', 'https://kube');
    requests.push(`${request.method} ${request.url}`);
    if (request.headers.authorization !== `Bearer ${token}`) {
      throw new ApiFault(401, 'Unauthorized', 'Unauthorized');
    }
    return url;
  }

  function authorize({ verb, resource, subresource, namespace, name }: Asked): void {
    const plural = subresource ? `${resource.plural}/${subresource}` : resource.plural;
    const attributes = { verb, group: resource.group, resource: plural, namespace, name };
    if (!faults.authorize(attributes)) throw forbidden(attributes);
  }

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = authenticated(request);
    const document = discovery(url.pathname);
    if (document !== undefined) return answer(response, 200, document);
    if (url.pathname === '/openapi/v2') {
      const type = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf';
      return void response.writeHead(200, { 'Content-Type': type }).end(OPENAPI_V2);
    }
    if (url.pathname === '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews') {
      return answer(response, 201, reviewed(await buffer(request), faults.authorize));
    }
    const wanted = asked(request.method ?? '', url);
    if (wanted === undefined || wanted.subresource !== undefined) {
      throw new ApiFault(404, 'NotFound', 'the server could not find the requested resource');
    }
    authorize(wanted);
    await serveResource(wanted, request, response);
  }

  async function serveResource(wanted: Asked, request: IncomingMessage, response: ServerResponse) {
    const { verb, resource, namespace, name = '' } = wanted;
    const place = { resource, namespace, name };
    switch (verb) {
      case 'get':
        return answer(response, 200, whole(resource, store.get(place)));
      case 'list':
        return answer(response, 200, listed(store, wanted));
      case 'watch':
        return watch(store, wanted, response);
      case 'create':
        return answer(response, 201, create(world, wanted, (await json(request)) as KubeObject));
      case 'delete':
        return answer(response, 200, remove(world, wanted, await text(request)));
      default:
        throw new ApiFault(405, 'MethodNotAllowed', `the server does not allow this method`);
    }
  }

  async function upgrade(
    request: IncomingMessage,
    connection: Duplex,
    head: Buffer,
  ): Promise<void> {
    const wanted = asked(request.method ?? '', authenticated(request));
    if (wanted?.resource !== PODS || wanted.subresource !== 'exec' || wanted.name === undefined) {
      throw new ApiFault(404, 'NotFound', 'the server could not find the requested resource');
    }
    authorize(wanted);
    const { query, ...place } = { ...wanted, name: wanted.name };
    const pod = store.get<Pod>(place);
    const webSockets = !faults.refusesWebSockets;
    await serveExec({ request, connection, head, query, pod, kubelet, webSockets });
  }

  const identity = certificateFor(address);
  const server = createServer(identity);
  server.on('request', (request, response) => {
    if (faults.silent) return;
    serve(request, response).catch(fault => answer(response, ...refused(fault)));
  });
  server.on('upgrade', (request: IncomingMessage, connection: Duplex, head: Buffer) => {
    connection.on('error', () => undefined);
    execs.add(connection.once('close', () => execs.delete(connection)));
    if (faults.silent) return;
    upgrade(request, connection, head).catch(fault => {
      const response = new ServerResponse(request);
      response.assignSocket(connection as never);
      response.shouldKeepAlive = false;
      answer(response, ...refused(fault));
    });
  });
  server.listen(0, address);
  await once(server, 'listening');
  const url = `https://${address}:${(server.address() as AddressInfo).port}`;

  return {
    ...{ url, faults, requests, store, user: USER },
    kubeconfig: kubeconfigFor(url, identity.cert, token),
    loseNode: kubelet.lose,
    /** Cuts the connection of every exec that runs. */
    cut(): void {
      for (const connection of execs) connection.destroy();
    },
    async close(): Promise<void> {
      server.closeAllConnections();
      for (const connection of execs) connection.destroy();
      server.close();
      await kubelet.close();
    },
  };
}

/** The code and the body of a refusal; a fault of the server itself is one, too, and is shown. */
function refused(fault: unknown): [number, object | string] {
  if (fault instanceof KubeletFault) return [404, fault.message];
  if (fault instanceof ApiFault) return [fault.status.code, fault.status];
  console.error('the API server of the tests failed:', fault);
  return [500, new ApiFault(500, 'InternalError', String(fault)).status];
}
