/** The ladder: each SYN of a connection on its way past the capture points, to where it ended. */
import type {
  CaptureReport,
  CaptureRole,
  FlowReport,
  SynReport,
  VerdictDocument,
} from '../../analysis/verdict.js';
import { shortened } from '../text.js';
import { checksumCell, deliveryCell, isWrong, portCell, seconds, unitOf } from '../wording.js';
import { html, type Markup, NOTHING } from './markup.js';
import { arrowHead, cross, dot, drawing, line, type Point, rectangle, text } from './svg.js';

interface Column {
  readonly role: CaptureRole | 'client';
  readonly title: string;
  readonly place: string;
  readonly x: number;
  /** Names of the captures that were taken there. */
  readonly captures: readonly string[];
}

const WIDTH = 1040;
const FIRST_X = 168;
const LAST_X = 930;
const HEAD_HEIGHT = 92;
const ROW_HEIGHT = 62;
const FOOT_HEIGHT = 30;
const DESCRIBED_SYNS = 16;

/** Draws all first packets of one connection. */
export function ladder(
  id: string,
  flow: FlowReport,
  verdict: VerdictDocument,
  nodes: { readonly sender: string | null; readonly receiver: string | null },
): Markup {
  const columns = columnsOf(flow, verdict, nodes);
  const { syns, delay } = flow;
  const answered = delay?.connectSeconds ?? null;
  const rows = syns.length + (answered === null ? 0 : 1);
  const height = HEAD_HEIGHT + rows * ROW_HEIGHT + FOOT_HEIGHT;
  const yOf = (row: number) => HEAD_HEIGHT + row * ROW_HEIGHT + 36;
  const unit = unitOf(flow);
  return drawing({
    id,
    width: WIDTH,
    height,
    title: `Every ${unit} of ${flow.inner.source} to ${flow.inner.destination} on its way`,
    description: descriptionOf(flow, columns),
    content: [
      sides(columns, height, nodes),
      columns.map(column => head(column, height)),
      syns.map((syn, row) => synRow(syn, row, { syns, columns, y: yOf(row), unit })),
      answered === null ? NOTHING : answer(columns, yOf(syns.length), answered),
    ],
  });
}

function columnsOf(
  flow: FlowReport,
  { captures, environment }: VerdictDocument,
  { sender, receiver }: { readonly sender: string | null; readonly receiver: string | null },
): Column[] {
  const device = (node: string | null) =>
    environment?.nodes
      .find(own => own.node === node)
      ?.vxlan.find(({ vni }) => vni === flow.outer?.vni);
  const known: [CaptureRole, string, string | undefined][] = [
    ['overlay', 'overlay', device(sender)?.name],
    ['tap', 'in front of NAT', undefined],
    ['underlay', 'underlay', device(sender)?.underlay],
    ['peer-underlay', 'underlay', device(receiver)?.underlay],
    ['peer-overlay', 'overlay, pod', device(receiver)?.name],
  ];
  const shown = known.filter(
    ([role]) => role !== 'tap' || captures.some(capture => capture.role === role),
  );
  const step = (LAST_X - FIRST_X) / shown.length;
  const client: Column = {
    role: 'client',
    title: 'client',
    place: '',
    x: FIRST_X,
    captures: [],
  };
  return [
    client,
    ...shown.map(([role, title, fallback], index) => {
      const own = captures.filter(capture => capture.role === role);
      return {
        role,
        title,
        place: placeOf(own[0], fallback),
        x: FIRST_X + (index + 1) * step,
        captures: own.map(({ name }) => name),
      };
    }),
  ];
}

function placeOf(capture: CaptureReport | undefined, fallback: string | undefined): string {
  if (!capture) return 'not captured';
  return shortened(capture.interface ?? fallback ?? capture.name, 24);
}

/** Two shaded bands: what happens on the sender's machine, and what on the receiver's. */
function sides(
  columns: readonly Column[],
  height: number,
  { sender, receiver }: { readonly sender: string | null; readonly receiver: string | null },
): Markup[] {
  const at = (role: Column['role']) => columns.find(column => column.role === role)!.x;
  const half = (columns[2]!.x - columns[1]!.x) / 2;
  const band = (from: number, to: number, label: string) => [
    rectangle({ x: from, y: 4 }, { width: to - from, height: height - 8 }, 'band', 10),
    text({ x: (from + to) / 2, y: 24 }, label, 'side', 'middle'),
  ];
  const name = (side: string, node: string | null) =>
    node === null ? side : `${side}: ${shortened(node, 40)}`;
  return [
    ...band(FIRST_X - 60, at('underlay') + half - 12, name('sender', sender)),
    ...band(at('peer-underlay') - half + 12, LAST_X + 100, name('receiver', receiver)),
  ];
}

function head({ title, place, x, captures, role }: Column, height: number): Markup[] {
  const isThere = captures.length > 0 || role === 'client';
  const life = isThere ? 'life' : 'life absent';
  return [
    text({ x, y: 48 }, title, 'column', 'middle'),
    text({ x, y: 64 }, place, isThere ? 'place' : 'place absent', 'middle'),
    line({ x, y: 74 }, { x, y: height - 14 }, life),
  ];
}

interface Row {
  readonly syns: readonly SynReport[];
  readonly columns: readonly Column[];
  readonly y: number;
  readonly unit: string;
}

function synRow(syn: SynReport, index: number, row: Row): Markup {
  const { columns, y, unit, syns } = row;
  const tone = isWrong(syn) ? 'bad' : syn.delivered ? 'good' : 'plain';
  const { until, ending } = endOf(syn, columns);
  const before = syns[index - 1];
  const wait = before ? syn.atSeconds - before.atSeconds : 0;
  const parts: (Markup | readonly Markup[])[] = [
    text({ x: 14, y: y - 3 }, `${unit} ${index + 1}`, 'label strong'),
    text({ x: 14, y: y + 13 }, seconds(syn.atSeconds), 'label number'),
    before ? text({ x: 14, y: y - 26 }, `+ ${wait.toFixed(1)} s`, 'label faint') : NOTHING,
  ];
  for (let at = 0; at < until; at++) parts.push(segment(syn, columns, at, y, tone));
  const last = columns[until]!;
  parts.push(ended(ending, { x: last.x, y }, columns[until + 1], syn));
  for (const { column, number } of seenAt(syn, columns)) {
    parts.push(dot({ x: column.x, y }, 4.5, `dot ${tone}`));
    parts.push(text({ x: column.x + 7, y: y + 15 }, `#${number}`, 'label faint'));
  }
  return html`<g>${parts}</g>`;
}

type Ending = 'delivered' | 'dropped' | 'lost' | 'unknown';

/** How far a SYN came: the index of the last column it reached, and what became of it there. */
function endOf(syn: SynReport, columns: readonly Column[]): { until: number; ending: Ending } {
  const reached = seenAt(syn, columns).map(({ column }) => columns.indexOf(column));
  const until = Math.max(0, ...reached);
  if (syn.delivered) return { until: columns.length - 1, ending: 'delivered' };
  if (syn.delivered === null) return { until, ending: 'unknown' };
  const arrived = columns[until]?.role === 'peer-underlay';
  return { until, ending: arrived ? 'dropped' : 'lost' };
}

function seenAt(
  { frames }: SynReport,
  columns: readonly Column[],
): { readonly column: Column; readonly number: number }[] {
  return columns.flatMap(column => {
    const frame = frames.find(({ capture }) => column.captures.includes(capture));
    return frame ? [{ column, number: frame.number }] : [];
  });
}

function segment(
  syn: SynReport,
  columns: readonly Column[],
  at: number,
  y: number,
  tone: string,
): Markup {
  const [from, to] = [columns[at]!, columns[at + 1]!];
  const middle = (from.x + to.x) / 2;
  // What is wrong with it begins where the port was rewritten.
  const isBehindNat = columns.findIndex(({ role }) => role === 'underlay') <= at + 1;
  const own = tone === 'bad' && !isBehindNat ? 'plain' : tone;
  const labels = segmentLabels(syn, to.role);
  const tip = { x: to.x - 5, y };
  return html`${line({ x: from.x, y }, tip, `wire ${own}`)}${arrowHead(tip, `head ${own}`)}${labels.map(
    (label, index) =>
      text({ x: middle, y: index === 0 ? y - 8 : y + 16 }, label, `label ${own}`, 'middle'),
  )}`;
}

function segmentLabels(syn: SynReport, to: Column['role']): string[] {
  const { outerSourcePort, recoveredPort, checksum } = syn;
  const moved = recoveredPort !== null && recoveredPort !== outerSourcePort;
  switch (to) {
    case 'underlay':
      if (outerSourcePort === null) return [];
      return moved
        ? [`${recoveredPort} → ${outerSourcePort}`, 'second SNAT']
        : [`port ${outerSourcePort}`];
    case 'peer-underlay':
      if (!checksum) return [];
      return isWrong(syn)
        ? [`sum ${checksum.stored}`, `due ${checksum.correct}`]
        : [`sum ${checksumCell(syn)}`];
    case 'tap':
      return recoveredPort === null ? [] : [`port ${recoveredPort}`];
    case 'peer-overlay':
      return [deliveryCell(syn)];
    default:
      return [];
  }
}

function ended(ending: Ending, at: Point, next: Column | undefined, syn: SynReport): Markup {
  if (ending === 'delivered') return NOTHING;
  const end = { x: at.x + Math.min(34, next ? (next.x - at.x) / 3 : 34), y: at.y };
  if (ending === 'unknown') {
    return next
      ? html`${line(at, end, 'wire guess')}${text({ x: end.x + 6, y: at.y + 4 }, '?', 'label strong')}`
      : NOTHING;
  }
  const tone = isWrong(syn) ? 'bad' : 'plain';
  const label = ending === 'dropped' ? 'dropped' : 'lost';
  return html`${line(at, end, `wire ${tone}`)}${cross(end, 6, `cross ${tone}`)}${text(
    { x: end.x + 12, y: at.y + 4 },
    label,
    `label strong ${tone}`,
  )}`;
}

function answer(columns: readonly Column[], y: number, connectSeconds: number): Markup {
  const from = columns.at(-1)!;
  const to = columns[0]!;
  const tip = { x: to.x + 5, y };
  return html`<g>${text({ x: 14, y: y - 3 }, 'answer', 'label strong')}${text(
    { x: 14, y: y + 13 },
    seconds(connectSeconds),
    'label number',
  )}${line({ x: from.x, y }, tip, 'wire good answer')}${arrowHead(tip, 'head good', -1)}${text(
    { x: (from.x + to.x) / 2, y: y - 8 },
    `answered: connected after ${seconds(connectSeconds)}`,
    'label strong good',
    'middle',
  )}</g>`;
}

function descriptionOf(flow: FlowReport, columns: readonly Column[]): string {
  const unit = unitOf(flow);
  const points = columns
    .filter(({ captures }) => captures.length > 0)
    .map(({ title, place }) => `${title} (${place})`);
  const sentences = flow.syns.slice(0, DESCRIBED_SYNS).map((syn, index) => {
    const way = seenAt(syn, columns).map(({ column }) => column.title);
    return (
      `${unit} ${index + 1} at ${seconds(syn.atSeconds)}, outer source port ${portCell(syn)}, ` +
      `checksum ${checksumCell(syn) || 'not seen'}: ${deliveryCell(syn)}, ` +
      `seen at ${way.join(', ') || 'no capture point'}.`
    );
  });
  const more = flow.syns.length - sentences.length;
  return [
    `Capture points from left to right: ${points.join(', ') || 'none'}.`,
    ...sentences,
    ...(more > 0 ? [`${more} more in the table.`] : []),
  ].join(' ');
}
