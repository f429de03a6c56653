/** The timeline: first packets, conntrack entries and the wait of the client, to scale. */
import type { FlowReport } from '../../analysis/verdict.js';
import type { EntryLife } from '../../evidence/entry-lives.js';
import { isWrong, plural, seconds, unitOf } from '../wording.js';
import { html, type Markup, NOTHING } from './markup.js';
import { cross, drawing, line, rectangle, text } from './svg.js';

const WIDTH = 1040;
const LEFT = 168;
const RIGHT = 1000;
const SYN_Y = 64;
const ENTRY_TOP = 108;
const ENTRY_HEIGHT = 52;
const DRAWN_ENTRIES = 6;
/** Room that a digit of a label takes. */
const DIGIT_WIDTH = 8.5;
const TICKS = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120];

export interface TimelineFacts {
  readonly flow: FlowReport;
  readonly entries: readonly EntryLife[];
  /** `nf_conntrack_udp_timeout` of the sender in seconds, where it is known. */
  readonly timeoutSeconds: number | null;
}

/** Draws the beginning of one connection. */
export function timeline(id: string, facts: TimelineFacts): Markup {
  const { flow, entries } = facts;
  const end = endOf(facts);
  const xOf = (at: number) => LEFT + (Math.max(0, at) / end) * (RIGHT - LEFT);
  const drawn = entries.slice(0, DRAWN_ENTRIES);
  const waitY = ENTRY_TOP + drawn.length * ENTRY_HEIGHT + 4;
  const axisY = waitY + 46;
  const unit = unitOf(flow);
  return drawing({
    id,
    width: WIDTH,
    height: axisY + 40,
    title: `The first ${seconds(end)} of ${flow.inner.source} to ${flow.inner.destination}, to scale`,
    description: descriptionOf(facts),
    content: [
      axis(end, xOf, axisY),
      text({ x: 14, y: SYN_Y + 4 }, `${plural(2, unit)} sent`, 'label strong'),
      line({ x: LEFT, y: SYN_Y }, { x: RIGHT, y: SYN_Y }, 'track'),
      synMarks(flow, xOf),
      drawn.map((entry, index) => entryRow(entry, ENTRY_TOP + index * ENTRY_HEIGHT, facts, xOf)),
      waitRow(flow, waitY, xOf),
    ],
  });
}

function endOf({ flow, entries }: TimelineFacts): number {
  const { syns, delay } = flow;
  const last = syns.at(-1)?.atSeconds ?? 0;
  const until = entries.map(({ untilSeconds }) => untilSeconds ?? 0);
  const latest = Math.max(last, delay?.connectSeconds ?? 0);
  // An entry may outlive the connection by minutes; its end is of interest only near the SYNs.
  const near = until.filter(at => at <= latest * 1.25);
  return Math.max(0.001, latest, ...near) * 1.04;
}

function axis(end: number, xOf: (at: number) => number, y: number): Markup {
  const step = TICKS.find(tick => end / tick <= 9) ?? Math.ceil(end / 8 / 60) * 60;
  const digits = step < 1 ? Math.ceil(-Math.log10(step)) : 0;
  const ticks = Array.from({ length: Math.floor(end / step) + 1 }, (_, index) => index * step);
  return html`<g>${line({ x: LEFT, y }, { x: RIGHT, y }, 'axis')}${ticks.map(at => [
    line({ x: xOf(at), y: SYN_Y - 26 }, { x: xOf(at), y: y + 5 }, 'grid'),
    text({ x: xOf(at), y: y + 21 }, `${at.toFixed(digits)} s`, 'label number', 'middle'),
  ])}</g>`;
}

function synMarks({ syns }: FlowReport, xOf: (at: number) => number): Markup[] {
  let lastLabel = Number.NEGATIVE_INFINITY;
  return syns.map((syn, index) => {
    const x = xOf(syn.atSeconds);
    const tone = isWrong(syn) ? 'bad' : syn.delivered ? 'good' : 'plain';
    const hasLabel = x - lastLabel >= DIGIT_WIDTH * String(index + 1).length + 2;
    if (hasLabel) lastLabel = x;
    const mark =
      syn.delivered === false
        ? cross({ x, y: SYN_Y }, 6, `cross ${tone}`)
        : html`<path class="diamond ${tone}" d="M${x.toFixed(1)} ${SYN_Y - 8} l8 8 l-8 8 l-8 -8 Z"/>`;
    const label = hasLabel
      ? text({ x, y: SYN_Y - 14 }, String(index + 1), `label strong ${tone}`, 'middle')
      : NOTHING;
    return html`${mark}${label}`;
  });
}

function entryRow(
  entry: EntryLife,
  y: number,
  { flow, timeoutSeconds }: TimelineFacts,
  xOf: (at: number) => number,
): Markup {
  const { portBefore, portAfter, fromSeconds, untilSeconds } = entry;
  const isRewriting = portBefore !== portAfter;
  const tone = isRewriting ? 'bad' : 'good';
  const from = xOf(fromSeconds ?? 0);
  const to = untilSeconds === null ? RIGHT : Math.min(RIGHT, xOf(untilSeconds));
  const fed = refreshes(entry, flow);
  const expiry = expiryOf(entry, flow, timeoutSeconds);
  const alive = expiry === null ? to : Math.min(to, xOf(expiry));
  const label = isRewriting ? `${portBefore} → ${portAfter}` : `${portAfter}, no SNAT`;
  return html`<g>${text({ x: 14, y: y + 9 }, 'conntrack entry', 'label strong')}${text(
    { x: 14, y: y + 25 },
    label,
    `label number ${tone}`,
  )}${rectangle({ x: from, y: y - 2 }, { width: Math.max(3, alive - from), height: 16 }, `life-bar ${tone}`, 3)}${
    alive < to
      ? rectangle({ x: alive, y: y - 2 }, { width: to - alive, height: 16 }, 'life-bar over', 3)
      : NOTHING
  }${fed.map(at => Math.max(from, xOf(at))).map(x => line({ x, y: y - 2 }, { x, y: y + 14 }, 'fed'))}${noteAt(
    lifeText(entry, expiry),
    from,
    y + 29,
  )}</g>`;
}

/** A note below its bar; from the right where it would run out of the picture. */
function noteAt(note: string, x: number, y: number): Markup {
  const width = note.length * 6.4;
  return x + width > WIDTH - 10
    ? text({ x: RIGHT, y }, note, 'label', 'end')
    : text({ x, y }, note, 'label');
}

/** Times of the datagrams that met the entry; each starts its timeout anew. */
function refreshes({ portAfter }: EntryLife, { syns }: FlowReport): number[] {
  return syns
    .filter(({ outerSourcePort }) => outerSourcePort === portAfter)
    .map(({ atSeconds }) => atSeconds);
}

/**
 * When the last first packet's timeout ran out; null where that is not known, or where other traffic
 * kept the entry alive, as its end tells.
 */
function expiryOf(
  entry: EntryLife,
  flow: FlowReport,
  timeoutSeconds: number | null,
): number | null {
  const until = entry.untilSeconds ?? Number.POSITIVE_INFINITY;
  const last = refreshes(entry, flow)
    .filter(at => at <= until)
    .at(-1);
  if (last === undefined || timeoutSeconds === null || entry.portBefore === entry.portAfter) {
    return null;
  }
  const expiry = last + timeoutSeconds;
  return expiry <= until + 1 ? expiry : null;
}

function lifeText({ fromSeconds, untilSeconds }: EntryLife, expiry: number | null): string {
  const from = fromSeconds === null ? 'older than the log' : `[NEW] ${seconds(fromSeconds)}`;
  const until =
    untilSeconds === null ? 'not ended in the log' : `[DESTROY] ${seconds(untilSeconds)}`;
  const ran =
    expiry === null || untilSeconds === null ? '' : `, run out since ${expiry.toFixed(1)} s`;
  return `${from}, ${until}${ran}`;
}

function waitRow({ delay }: FlowReport, y: number, xOf: (at: number) => number): Markup {
  if (!delay) return NOTHING;
  const { connectSeconds } = delay;
  const label = text({ x: 14, y: y + 11 }, 'client', 'label strong');
  const width = (at: number) => ({ width: Math.max(2, xOf(at) - LEFT), height: 14 });
  if (connectSeconds === null) {
    return html`<g>${label}${rectangle({ x: LEFT, y }, { width: RIGHT - LEFT, height: 14 }, 'wait', 3)}${noteAt(
      'waiting, never connected',
      LEFT,
      y + 28,
    )}</g>`;
  }
  const x = xOf(connectSeconds);
  return html`<g>${label}${rectangle({ x: LEFT, y }, width(connectSeconds), 'wait', 3)}${line(
    { x, y: y - 4 },
    { x, y: y + 18 },
    'connected',
  )}${
    x > WIDTH / 2
      ? text(
          { x: x - 6, y: y + 28 },
          `connected after ${seconds(connectSeconds)}`,
          'label good',
          'end',
        )
      : text({ x: x + 6, y: y + 28 }, `connected after ${seconds(connectSeconds)}`, 'label good')
  }</g>`;
}

function descriptionOf({ flow, entries, timeoutSeconds }: TimelineFacts): string {
  const unit = unitOf(flow);
  const times = (list: readonly { atSeconds: number }[]) =>
    list
      .slice(0, 20)
      .map(({ atSeconds }) => atSeconds.toFixed(1))
      .join(', ');
  const lost = flow.syns.filter(({ delivered }) => delivered === false);
  const through = flow.syns.filter(({ delivered }) => delivered === true);
  const connect = flow.delay?.connectSeconds ?? null;
  return [
    lost.length > 0 ? `${plural(lost.length, unit)} lost at ${times(lost)} s.` : '',
    through.length > 0 ? `${plural(through.length, unit)} delivered at ${times(through)} s.` : '',
    ...entries
      .slice(0, DRAWN_ENTRIES)
      .map(
        entry =>
          `conntrack entry, port ${entry.portBefore} to ${entry.portAfter}: ` +
          `${lifeText(entry, expiryOf(entry, flow, timeoutSeconds))}.`,
      ),
    connect === null ? 'Never connected.' : `Connected after ${seconds(connect)}.`,
  ]
    .filter(sentence => sentence !== '')
    .join(' ');
}
