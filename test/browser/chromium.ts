/**
 * Debian's Chromium for tests. Where there is none they are skipped and say so; with
 * STALESUM_REQUIRE_LIVE=1 they fail instead.
 */
import { accessSync, constants } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';
import { describe, it } from 'vitest';

const CANDIDATES = ['/usr/bin/chromium', '/usr/bin/chromium-browser'];

const executable = CANDIDATES.find(path => {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
});

export function launchChromium(): Promise<Browser> {
  return chromium.launch({
    executablePath: executable!,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}

/** `describe` for tests that need the browser. */
export function describeInBrowser(name: string, body: () => void): void {
  if (executable !== undefined) {
    describe(name, body);
    return;
  }
  const reason = `no Chromium at ${CANDIDATES.join(' or ')}`;
  if (process.env.STALESUM_REQUIRE_LIVE === '1') {
    describe(name, () => {
      it('must not be skipped (STALESUM_REQUIRE_LIVE=1)', () => {
        throw new Error(reason);
      });
    });
    return;
  }
  console.warn(`skipped: ${name}: ${reason}`);
  describe.skip(`${name} (skipped: ${reason})`, body);
}
