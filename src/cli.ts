#!/usr/bin/env node
/**
 * Bootstrap. Exit code 1 means a finding and never a crash, so everything that is thrown, while the
 * program is loaded as well as while it runs, is turned into its documented code here.
 */

// A reader that has gone (`| head`) is no fault. `writeResult` tells others; what commander prints itself, help
// and version, has only this.
process.stdout.on('error', ({ code }: NodeJS.ErrnoException) => {
  if (code !== 'EPIPE') process.exitCode = 74;
});

try {
  const { main } = await import('./program.js');
  process.exitCode = await main(process.argv.slice(2));
} catch (thrown) {
  process.exitCode = 70;
  const text = thrown instanceof Error ? thrown.message : String(thrown);
  process.stderr.write(`stalesum: fault of stalesum: ${text.replace(/\s+/g, ' ')}\n`);
  if (process.env.STALESUM_TRACE && thrown instanceof Error) {
    process.stderr.write(`${thrown.stack}\n`);
  } else process.stderr.write('  STALESUM_TRACE=1 shows the trace; please report it\n');
}
