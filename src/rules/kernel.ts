/**
 * Which kernels turn a zero checksum into 0xffff (defect A, mended by ea64d8d6c675 "netfilter: nat:
 * never update the UDP checksum when it's 0"). Defect B, the stale checksum, is in every kernel so far.
 */

/** Stable series and their first release with the mend; 5.7 and later have it from the start. */
const FIXED_IN: Readonly<Record<string, number>> = {
  '4.14': 181,
  '4.19': 123,
  '5.4': 41,
  '5.6': 13,
};

/** Builds of distributions that are known, by base version: the first build that has the mend. */
const UBUNTU_FIXED: Readonly<Record<string, number>> = { '4.15.0': 107, '5.4.0': 32 };

/**
 * Whether a kernel (`uname -r`) leaves a zero checksum alone. `undefined` where it cannot be told: no
 * version, or an older one of a distribution, which may have taken the mend over.
 */
export function leavesZeroAlone(release: string | undefined): boolean | undefined {
  const match = /^(\d+)\.(\d+)(?:\.(\d+))?(.*)$/.exec(release ?? '');
  if (!match) return undefined;
  const [, major = '0', minor = '0', patch = '0', suffix = ''] = match;
  const number = Number(major) * 1000 + Number(minor);
  if (number >= 5007) return true;
  const ubuntu = /^-(\d+)-/.exec(suffix);
  const since = UBUNTU_FIXED[`${major}.${minor}.${patch}`];
  if (ubuntu && since !== undefined) return Number(ubuntu[1]) >= since;
  if (/\.el7/.test(suffix)) return false;
  const fixed = FIXED_IN[`${major}.${minor}`];
  if (fixed !== undefined && Number(patch) >= fixed) return true;
  // A suffix is a distribution's; only a bare version is surely without the mend.
  return /^(-rc\d+|\+)?$/.test(suffix) ? false : undefined;
}
