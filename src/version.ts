/** Name and version, as every output carries them. Kept equal to package.json by a test. */
export const TOOL = { name: 'stalesum', version: '0.1.0' } as const;
