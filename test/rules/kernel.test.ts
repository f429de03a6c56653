/** Which kernels leave a zero checksum alone: THE-BUG.md sections 2 and 4, by version and by build. */
import { describe, expect, it } from 'vitest';
import { leavesZeroAlone, zeroChecksumOn } from '../../src/rules/kernel.js';
import { parseKernel } from '../../src/snapshot/kernel.js';

describe('by the release alone', () => {
  it.each([
    ['5.7.0', true],
    ['5.6.12', false],
    ['5.6.13', true],
    ['5.4.40', false],
    ['5.4.41', true],
    ['5.5.19', false],
    ['4.19.122', false],
    ['4.19.123', true],
    ['4.14.180', false],
    ['4.14.181', true],
    ['4.9.300', false],
    ['5.4.33-rc1', false],
    ['4.19.112+', false],
    ['6.18.44-custom', true],
    ['', undefined],
    [undefined, undefined],
    // Ubuntu 4.15.0-107.108 and 5.4.0-32.36.
    ['4.15.0-106-generic', false],
    ['4.15.0-107-generic', true],
    ['5.4.0-31-generic', false],
    ['5.4.0-32-generic', true],
    ['5.4.0-31-lowlatency', false],
    // Clouds count their builds otherwise: 1018 is not behind 32.
    ['5.4.0-1018-aws', undefined],
    ['4.15.0-1077-azure', undefined],
    ['5.3.0-51-generic', undefined],
    ['5.8.0-63-generic', true],
    // RHEL and CentOS 7 up to the build that was looked at.
    ['3.10.0-1062.el7.x86_64', false],
    ['3.10.0-1127.el7.x86_64', false],
    ['3.10.0-1127.8.2.el7.x86_64', false],
    ['3.10.0-1127.10.1.el7.x86_64', undefined],
    ['3.10.0-1160.el7.x86_64', undefined],
    ['4.18.0-193.el8.x86_64', undefined],
    ['5.14.0-70.el9.x86_64', true],
    // Amazon keeps the patch level of the series.
    ['4.14.177-139.254.amzn2.x86_64', undefined],
    ['4.14.181-140.257.amzn2.x86_64', true],
    ['4.19.0-9-amd64', undefined],
    ['4.12.14-197.40-default', undefined],
  ])('%s: %s', (release, expected) => {
    expect(leavesZeroAlone(release)).toBe(expected);
  });
});

describe('by the release that a build stands on', () => {
  const judge = (...texts: string[]) => {
    const kernel = parseKernel(texts);
    return kernel && zeroChecksumOn(kernel).leftAlone;
  };

  it.each([
    ['Linux 4.19.0-9-amd64 #1 SMP Debian 4.19.118-2+deb10u1 (2020-06-07) x86_64', undefined],
    ['Linux 4.19.0-10-amd64 #1 SMP Debian 4.19.132-1 (2020-07-24) x86_64', true],
    ['Linux node-3 4.19.0-10-amd64 #1 SMP Debian 4.19.132-1 (2020-07-24) x86_64 GNU/Linux', true],
    ['kernel 4.19.0-10-amd64\nbuild #1 SMP Debian 4.19.132-1 (2020-07-24) x86_64\n', true],
  ])('Debian: %s', (text, expected) => {
    expect(judge(text)).toBe(expected);
  });

  it('Ubuntu for clouds, by /proc/version_signature', () => {
    expect(judge('5.4.0-1018-aws', 'Ubuntu 5.4.0-1018.18-aws 5.4.44')).toBe(true);
    // Before 5.4.41, and yet Ubuntu may have taken the one patch over, as it did for its own kernels.
    expect(judge('5.4.0-1011-aws', 'Ubuntu 5.4.0-1011.11-aws 5.4.34')).toBeUndefined();
  });

  it('a bare version in a build that names a distribution is no bare kernel', () => {
    expect(judge('Linux 4.19.90 #1 SMP Red Hat 8.3.1 x86_64')).toBeUndefined();
    expect(judge('Linux 4.19.90 #1 SMP Wed Jan 1 00:00:00 UTC 2020 x86_64')).toBe(false);
  });
});

describe('what tells, where the version does not', () => {
  const ask = (release: string, build = '', distribution: string | undefined = undefined) =>
    zeroChecksumOn({ release, build, distribution }).ask;

  it('is the changelog, by the tool of the distribution', () => {
    expect(ask('4.18.0-193.el8.x86_64')).toBe(
      'rpm -q --changelog kernel-$(uname -r) | grep -F "never update the UDP checksum when it\'s 0"',
    );
    expect(ask('5.4.0-1018-aws')).toMatch(/^apt changelog linux-image-/);
    expect(ask('4.12.14-197.40-default')).toMatch(/^rpm -q --changelog kernel-default /);
    expect(ask('4.4.100-somebodys')).toBeNull();
  });

  it('is not asked where it is known', () => {
    expect(ask('6.1.0-13-amd64')).toBeNull();
    expect(ask('5.4.0-31-generic')).toBeNull();
  });
});

describe('texts of a kernel', () => {
  it.each([
    ['5.4.33\n', '5.4.33', ''],
    [
      'Linux 5.4.0-42-generic #46-Ubuntu SMP Fri Jul 10 2020 x86_64\n',
      '5.4.0-42-generic',
      '#46-Ubuntu SMP Fri Jul 10 2020 x86_64',
    ],
    [
      'Linux host-1 5.4.0-42-generic #46-Ubuntu SMP x86_64 GNU/Linux\n',
      '5.4.0-42-generic',
      '#46-Ubuntu SMP x86_64 GNU/Linux',
    ],
    [
      'Linux version 3.10.0-1127.el7.x86_64 (builder@host) (gcc 4.8.5) #1 SMP Tue Mar 31\n',
      '3.10.0-1127.el7.x86_64',
      '#1 SMP Tue Mar 31',
    ],
    ['kernel 6.18.44\nbuild #2 SMP x86_64\niptables v1.8.9\n', '6.18.44', '#2 SMP x86_64'],
  ])('%s', (text, release, build) => {
    expect(parseKernel([text])).toEqual({ release, build, distribution: undefined });
  });

  it('the distribution is its pretty name', () => {
    const release = 'NAME="Ubuntu"\nPRETTY_NAME="Ubuntu 20.04.6 LTS"\nID=ubuntu\n';
    expect(parseKernel(['5.4.0'], [release])?.distribution).toBe('Ubuntu 20.04.6 LTS');
    expect(parseKernel(['5.4.0'], ['ID=ubuntu\n'])?.distribution).toBeUndefined();
  });

  it('none of them is no kernel', () => {
    expect(parseKernel(['hello', 'Ubuntu 5.4.0-1018.18-aws 5.4.44'])).toBeUndefined();
  });
});
