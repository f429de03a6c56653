/** The figures of a bench as text. */

export function print({ machine, offline, start, live, watch }) {
  const lines = [machine];
  if (offline) lines.push(...offlineLines(offline));
  if (start) lines.push(...startLines(start));
  if (live) {
    for (const [name, value] of Object.entries(live)) {
      lines.push(
        `live     ${name.padEnd(28)} ${typeof value === 'object' ? JSON.stringify(value) : value}`,
      );
    }
  }
  if (watch) lines.push(...watchLines(watch));
  return `${lines.join('\n')}\n`;
}

function watchLines({ phases, peakMegabytes, wrong }) {
  return [
    ...phases.flatMap(
      ({ mix, packetsPerSecondAndInterface, sentSeconds, cpuSeconds, interfaces }) => [
        `watch    ${mix.padEnd(38)} ${seconds(sentSeconds)} at ${packetsPerSecondAndInterface} datagrams/s on each of two interfaces, ${cpuSeconds.toFixed(2)} s CPU`,
        ...interfaces.map(
          one =>
            `  ${one.interface}: ${one.examined} of ${one.sent} examined, ${one.stale} stale, ${one.kernelDrops} dropped, at last one in ${one.oneIn}`,
        ),
      ],
    ),
    memoryLine('a watch, its rings included', { peakMegabytes }),
    ...wrong.map(fault => `WRONG    watch: ${fault}`),
  ];
}

function offlineLines({ captures, ratios, secondCore, memory, disagreements }) {
  return [
    ...captures.flatMap(captureLines),
    ...Object.entries(ratios).map(
      ([name, value]) =>
        `ratio    ${name.padEnd(38)} ${value === null ? 'not measured' : value.toFixed(2)}`,
    ),
    ...Object.entries(secondCore).map(
      ([name, { one, two, timesFaster }]) =>
        `cores    ${name.padEnd(38)} ${seconds(one)} by one thread, ${seconds(two)} by two: ${timesFaster.toFixed(2)} times faster`,
    ),
    memoryLine(`${memory.stdin.captures} captures through stdin`, memory.stdin),
    memoryLine(`${memory.flows.flows} flows`, memory.flows),
    ...disagreements.map(
      ({ name, disagreement }) => `WRONG    ${name}: ${JSON.stringify(disagreement)}`,
    ),
  ];
}

function memoryLine(name, { peakMegabytes }) {
  return `memory   ${name.padEnd(38)} ${peakMegabytes} MB`;
}

function captureLines({ shape, known, contenders }) {
  return [
    `${shape}    ${known.packets} packets, ${(known.bytes / 1e6).toFixed(0)} MB: ${known.datagrams} datagrams, of which ${known.valid} right, ${known.zero} zero, ${known.partial} partial, ${known.stale} wrong`,
    ...contenders.map(
      ({ name, runs, wallSeconds, cpuSeconds, packetsPerSecond, peakMegabytes, countsAgree }) =>
        [
          `  ${name.padEnd(38)}`,
          seconds(wallSeconds).padStart(9),
          `${cpuSeconds.toFixed(3)} s CPU`.padStart(13),
          `${packetsPerSecond} packets/s`.padStart(19),
          `${peakMegabytes} MB`.padStart(8),
          `  ${runs} runs`,
          countsAgree === null ? '' : countsAgree ? ', counts agree' : ', COUNTS DIFFER',
        ].join(''),
    ),
  ];
}

function startLines({ runs, ...programs }) {
  return Object.entries(programs).map(
    ([name, { min, median, max }]) =>
      `start    ${name.padEnd(38)} ${[min, median, max].map(seconds).join(', ')}   (min, median, max of ${runs})`,
  );
}

function seconds(value) {
  return `${value.toFixed(3)} s`;
}
