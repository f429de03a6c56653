/**
 * What the API server answers when it refuses: a Status object, in the words of a real one
 * (https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/status/).
 */
export interface Status {
  readonly kind: 'Status';
  readonly apiVersion: 'v1';
  readonly metadata: Record<string, never>;
  readonly status: 'Success' | 'Failure';
  readonly message?: string;
  readonly reason?: string;
  readonly details?: object;
  readonly code: number;
}

export class ApiFault extends Error {
  readonly status: Status;

  constructor(code: number, reason: string, message: string, details?: object) {
    super(message);
    const head = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure' } as const;
    this.status = {
      ...head,
      message,
      ...(reason && { reason }),
      ...(details && { details }),
      code,
    };
  }
}

/** What the kubelet refuses, in plain text, and the API server hands on. */
export class KubeletFault extends Error {}

export const notFound = (kind: string, name: string) =>
  new ApiFault(404, 'NotFound', `${kind} "${name}" not found`, { name, kind });

export const badRequest = (message: string) => new ApiFault(400, 'BadRequest', message);
