/** What a test takes from here; from a script, by load.mjs. */
export { byRules, nothing } from './authorization.js';
export { cluster } from './cluster.js';
export { type Api, startApi } from './server.js';
