/** Offload settings as `ethtool -k` prints them, one `## device` section each in a recording. */

/** Feature name to whether it is on, by device. */
export type Offload = ReadonlyMap<string, ReadonlyMap<string, boolean>>;

/** Parses sections headed `## device` or `Features for device:`. */
export function parseOffload(text: string): Offload {
  const devices = new Map<string, Map<string, boolean>>();
  let features: Map<string, boolean> | undefined;
  for (const line of text.split('\n')) {
    const device = /^(?:## (\S+)|Features for (\S+):)\s*$/.exec(line);
    if (device) {
      const name = device[1] ?? device[2] ?? '';
      features = devices.get(name) ?? new Map();
      devices.set(name, features);
      continue;
    }
    const feature = /^\s*([\w-]+): (on|off)\b/.exec(line);
    if (feature) features?.set(feature[1] ?? '', feature[2] === 'on');
  }
  return devices;
}

/** Whether a device finishes transmit checksums itself; `undefined` if nobody looked. */
export function txChecksumOffload(offload: Offload, device: string): boolean | undefined {
  return offload.get(device)?.get('tx-checksumming');
}
