/**
 * Which kernels turn a zero checksum into 0xffff (defect A, mended by ea64d8d6c675 "netfilter: nat:
 * never update the UDP checksum when it's 0"). Defect B, the stale checksum, is in every kernel so far.
 */
import type { Kernel } from '../snapshot/kernel.js';

/** Stable series and their first release with the mend; 5.7 and later have it from the start. */
const FIXED_IN: Readonly<Record<string, number>> = {
  '4.14': 181,
  '4.19': 123,
  '5.4': 41,
  '5.6': 13,
};

/**
 * Builds of Ubuntu's own kernels: the first that has the mend, by the number behind the version
 * (4.15.0-107.108, 5.4.0-32.36). Those for clouds (-aws, -azure, -gcp) count in numbers of their own.
 */
const UBUNTU_FIXED: Readonly<Record<string, { readonly abi: number; readonly build: string }>> = {
  '4.15.0': { abi: 107, build: '4.15.0-107.108' },
  '5.4.0': { abi: 32, build: '5.4.0-32.36' },
};

/** The last build of RHEL and CentOS 7 that is known to be without it: 3.10.0-1127.8.2. */
const LAST_BAD_EL7 = [1127, 8, 2];

/** The mend's subject, as changelogs have it. */
const SUBJECT = "never update the UDP checksum when it's 0";

export interface ZeroChecksum {
  /** `undefined` where it cannot be told. */
  readonly leftAlone: boolean | undefined;
  /** How that was judged, to go behind the kernel's name. */
  readonly because: string;
  /** A command for the node that tells what the version does not. */
  readonly ask: string | null;
}

/** What becomes of a zero checksum, by version, and by distribution build where known. */
export function zeroChecksumOn({ release, build, distribution = '' }: Kernel): ZeroChecksum {
  const match = /^(\d+)\.(\d+)(?:\.(\d+))?(.*)$/.exec(release);
  if (!match) return unknown(`"${release}" is no kernel version`, null);
  const [, major = '0', minor = '0', patch = '0', suffix = ''] = match;
  if (Number(major) * 1000 + Number(minor) >= 5007)
    return known(true, 'every kernel since 5.7 has the mend (ea64d8d6c675)');
  const version = { series: `${major}.${minor}`, patch: Number(patch) };
  if (isFixed(version))
    return known(true, `the ${version.series} series has the mend since ${since(version.series)}`);
  return (
    ubuntu(`${major}.${minor}.${patch}`, suffix) ??
    byUpstreamBase(build) ??
    redHat(suffix) ??
    (isDistributions(suffix, `${build} ${distribution}`)
      ? unknown(
          'it is older than the mend, which the distribution may have taken over',
          changelog(suffix, `${build} ${distribution}`),
        )
      : known(false, 'it is older than the mend'))
  );
}

/**
 * Whether a kernel (`uname -r`) leaves a zero checksum alone. `undefined` where it cannot be told: no
 * version, or an older one of a distribution, which may have taken the mend over.
 */
export function leavesZeroAlone(release: string | undefined): boolean | undefined {
  if (release === undefined) return undefined;
  return zeroChecksumOn({ release, build: '', distribution: undefined }).leftAlone;
}

function known(leftAlone: boolean, because: string): ZeroChecksum {
  return { leftAlone, because, ask: null };
}

function unknown(because: string, ask: string | null): ZeroChecksum {
  return { leftAlone: undefined, because, ask };
}

function isFixed({ series, patch }: { readonly series: string; readonly patch: number }): boolean {
  const fixed = FIXED_IN[series];
  return fixed !== undefined && patch >= fixed;
}

function since(series: string): string {
  return `${series}.${FIXED_IN[series]}`;
}

/** `-107-generic`: the general kernels, and those with other settings from the same source. */
function ubuntu(version: string, suffix: string): ZeroChecksum | undefined {
  const abi = /^-(\d+)-(?:generic|lowlatency)\b/.exec(suffix)?.[1];
  const fixed = UBUNTU_FIXED[version];
  if (abi === undefined || !fixed) return undefined;
  const has = Number(abi) >= fixed.abi;
  return known(
    has,
    `Ubuntu's own kernels have the mend ${has ? 'since' : 'only since'} ${fixed.build}`,
  );
}

/** `#1 SMP Debian 4.19.132-1`, `Ubuntu 5.4.0-1018.18-aws 5.4.44`: built on a release that has it. */
function byUpstreamBase(build: string): ZeroChecksum | undefined {
  const debian = /\bDebian (\d+\.\d+)\.(\d+)/.exec(build);
  const signature = /\bUbuntu \d\S* (\d+\.\d+)\.(\d+)/.exec(build);
  const [, series = '', patch = ''] = debian ?? signature ?? [];
  if (!isFixed({ series, patch: Number(patch) })) return undefined;
  return known(
    true,
    `it is built on ${series}.${patch}, which has the mend since ${since(series)}`,
  );
}

/** Builds of RHEL 7 and its likes up to the last that was looked at. */
function redHat(suffix: string): ZeroChecksum | undefined {
  const numbers = /^-([\d.]+)\.el7/.exec(suffix)?.[1]?.split('.').map(Number);
  if (!numbers) return undefined;
  const isLater = LAST_BAD_EL7.some((bad, index) => {
    const same = LAST_BAD_EL7.slice(0, index).every((other, at) => (numbers[at] ?? 0) === other);
    return same && (numbers[index] ?? 0) > bad;
  });
  if (isLater) return undefined;
  return known(false, 'no build of RHEL and CentOS 7 up to 3.10.0-1127.8.2 has the mend');
}

/** A bare version is surely without the mend; a suffix, or a name in the build, is a distribution's. */
function isDistributions(suffix: string, build: string): boolean {
  const marked = /\b(Debian|Ubuntu|Red Hat|CentOS|Rocky|Alma|Oracle|SUSE|SLES|Amazon)\b/i;
  return !/^(-rc\d+|\+)?$/.test(suffix) || marked.test(build);
}

function changelog(suffix: string, build: string): string | null {
  if (/\.(el|fc|amzn)\d|\.uek/.test(suffix)) {
    return `rpm -q --changelog kernel-$(uname -r) | grep -F "${SUBJECT}"`;
  }
  if (/-default\b|SUSE|SLES/.test(`${suffix} ${build}`)) {
    return `rpm -q --changelog kernel-default | grep -F "${SUBJECT}"`;
  }
  return /Debian|Ubuntu|-(generic|lowlatency|amd64|arm64|aws|azure|gcp|kvm|oracle)/.test(
    `${suffix} ${build}`,
  )
    ? `apt changelog linux-image-$(uname -r) | grep -F "${SUBJECT}"`
    : null;
}
