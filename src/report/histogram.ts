/** The distribution of delays, as a few lines of text. */
import type { DelaySummary, FlowReport } from '../analysis/verdict.js';
import { columns } from './text.js';

/** Upper bounds in seconds: the classic series of SYNs falls into one class each. */
const BOUNDS = [0.1, 1, 2, 4, 8, 16, 32, 64, 128];
const BAR_WIDTH = 40;

/** Lines for several connections; none for one, whose delay is told in words. */
export function histogramLines(delays: DelaySummary, flows: readonly FlowReport[]): string[] {
  if (delays.count < 2) return [];
  const classes = new Map<string, number>(BOUNDS.map((_, index) => [className(index), 0]));
  classes.set('never', 0);
  for (const { delay } of flows) {
    if (!delay) continue;
    const name = classOf(delay.connectSeconds);
    classes.set(name, (classes.get(name) ?? 0) + 1);
  }
  const most = Math.max(...classes.values());
  const rows = [...classes]
    .filter(([, count]) => count > 0)
    .map(([name, count]) => [
      `  ${name}`,
      '#'.repeat(Math.max(1, Math.round((count / most) * BAR_WIDTH))),
      String(count),
    ]);
  return [summaryLine(delays), ...columns(rows)];
}

function summaryLine({ count, delayed, p50, p90, p99, max }: DelaySummary): string {
  const seconds = (value: number | null) => (value === null ? 'none' : `${value.toFixed(3)} s`);
  const figures = `p50 ${seconds(p50)}, p90 ${seconds(p90)}, p99 ${seconds(p99)}, max ${seconds(max)}`;
  return `${count} connections, ${delayed} delayed: ${figures}`;
}

function className(index: number): string {
  const from = index === 0 ? 0 : BOUNDS[index - 1];
  return `${from}-${BOUNDS[index]} s`;
}

function classOf(seconds: number | null): string {
  if (seconds === null) return 'never';
  const index = BOUNDS.findIndex(bound => seconds < bound);
  return index < 0 ? `over ${BOUNDS.at(-1)} s` : className(index);
}
