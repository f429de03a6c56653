// The API server of the tests for scripts that run in a lab, where Node reads no TypeScript:
//   const { startApi, cluster } = await loadKubeApi();
import { fileURLToPath } from 'node:url';
import { runnerImport } from 'vite';

export async function loadKubeApi() {
  const root = fileURLToPath(new URL('../../', import.meta.url));
  const entry = fileURLToPath(new URL('index.ts', import.meta.url));
  const settings = { configFile: false, root, logLevel: 'error' };
  return (await runnerImport(entry, settings)).module;
}
