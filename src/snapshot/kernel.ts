/** What a node says of its kernel and its distribution, from whatever of it was saved. */

export interface Kernel {
  /** `uname -r`. */
  readonly release: string;
  /**
   * `uname -v`, and on Ubuntu what `/proc/version_signature` adds: distributions tell there which
   * upstream release a build stands on. Empty if nobody saved it.
   */
  readonly build: string;
  /** `PRETTY_NAME` of os-release; `undefined` if it was not saved. */
  readonly distribution: string | undefined;
}

/**
 * The kernel that these texts tell of: `uname -r`, `uname -a`, `/proc/version`, the lines `kernel` and
 * `build` of a recording's versions.txt, `/proc/version_signature`; and os-release. `undefined` if none
 * of them names a release.
 */
export function parseKernel(
  texts: readonly string[],
  osReleases: readonly string[] = [],
): Kernel | undefined {
  const releases = texts.map(kernelRelease);
  const release = releases.find(found => found !== undefined);
  if (release === undefined) return undefined;
  const builds = texts.flatMap(text => buildOf(text) ?? []);
  return {
    release,
    build: [...new Set(builds)].join(' '),
    distribution: nameOf([...osReleases, ...texts]),
  };
}

/** `uname -r`, `uname -a`, `/proc/version`, the line of a recording's versions.txt, or a node's YAML. */
export function kernelRelease(text: string): string | undefined {
  const ofNode = /^[ \t]*kernelVersion: (\d+\.\d+\S*)/m.exec(text);
  return (ofNode ?? /^(?:kernel |Linux (?:\S+ )?)?(\d+\.\d+\S*)/m.exec(text))?.[1];
}

/** `#36-Ubuntu SMP ...`, `#1 SMP Debian 4.19.118-2 (2020-04-29)`, `Ubuntu 5.4.0-42.46-generic 5.4.44`. */
function buildOf(text: string): string | undefined {
  const signature = /^Ubuntu \d\S* \d+\.\d+\S*/m.exec(text)?.[0];
  return signature ?? /#\d+[^\n]*/.exec(text)?.[0].trim();
}

function nameOf(osReleases: readonly string[]): string | undefined {
  for (const text of osReleases) {
    const name = /^PRETTY_NAME=(?:"([^"\n]*)"|'([^'\n]*)'|(\S+))/m.exec(text);
    if (name) return name[1] ?? name[2] ?? name[3];
    const image = /^[ \t]*osImage: (\S.*)$/m.exec(text);
    if (image) return image[1];
  }
  return undefined;
}
