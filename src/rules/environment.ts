/** What a node says of itself beside its rules, and what of that is not known. */
import type { Kernel } from '../snapshot/kernel.js';
import type { KubeProxy } from '../snapshot/kube-proxy.js';
import type { NodeFile } from '../snapshot/node-files.js';
import { zeroChecksumOn } from './kernel.js';
import { carriesPatch } from './kube-proxy.js';
import type { NodeEnvironment } from './prediction.js';

export function environmentOf(
  kernel: Kernel | undefined,
  kubeProxy: KubeProxy | undefined,
  files: readonly NodeFile[],
): NodeEnvironment {
  return {
    kernel: kernel ? kernelOf(kernel) : null,
    kubeProxy: kubeProxy
      ? {
          version: kubeProxy.version ?? null,
          mode: kubeProxy.mode ?? null,
          carriesPr92035: carriesPatch(kubeProxy.version) ?? null,
          running: kubeProxy.running,
        }
      : null,
    cni: cniTypes(files.filter(({ kind }) => kind === 'cni').map(({ text }) => text)),
  };
}

function kernelOf(kernel: Kernel): NodeEnvironment['kernel'] {
  const { leftAlone, because } = zeroChecksumOn(kernel);
  const { release, build, distribution } = kernel;
  return {
    release,
    build,
    distribution: distribution ?? null,
    leavesZeroChecksum: leftAlone ?? null,
    because,
  };
}

/** Types of plugins, which a list of them and a single one have alike; not those of their IPAM. */
function cniTypes(texts: readonly string[]): string[] {
  const types = texts.flatMap(text =>
    [...text.matchAll(/"type"\s*:\s*"([\w.-]{1,64})"/g)].map(([, type]) => type ?? ''),
  );
  const ipam = /^(host-local|static|dhcp|.*-ipam)$/;
  return [...new Set(types)].filter(type => !ipam.test(type));
}
