// Preloaded by a test: makes reading a folder fail in a way that stalesum cannot have foreseen.
import fs from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';

fs.stat = () => {
  throw new TypeError('the disk is\non fire');
};
syncBuiltinESMExports();
