/** Chains that come back to themselves, which the kernel refuses and a walk would never leave. */
import { ruleFault } from './fault.js';
import type { Chain, Elements, Rule, Table, Verdict } from './model.js';

interface Edge {
  readonly to: string;
  readonly rule: Rule;
}

type Edges = ReadonlyMap<string, readonly Edge[]>;

/** @throws StalesumError `bad-input` naming the rule that closes a loop, or leads to a chain not there */
export function refuseLoops(table: Table): void {
  const edges = new Map<string, readonly Edge[]>();
  for (const chain of table.chains.values()) {
    const own = edgesOf(chain, table);
    if (own.length > 0) edges.set(chain.name, own);
  }
  const finished = new Set<string>();
  for (const start of edges.keys()) followFrom(start, edges, finished);
}

/** Depth first with a stack of our own: a saved file may chain more jumps than calls fit a stack. */
function followFrom(start: string, edges: Edges, finished: Set<string>): void {
  if (finished.has(start)) return;
  const open = new Set([start]);
  const path = [{ name: start, own: edges.get(start) ?? [], next: 0 }];
  for (let top = path.at(-1); top; top = path.at(-1)) {
    const edge = top.own[top.next++];
    if (!edge) {
      finished.add(top.name);
      open.delete(top.name);
      path.pop();
    } else if (open.has(edge.to)) {
      throw loopFault(edge, [...path.map(({ name }) => name)]);
    } else if (!finished.has(edge.to)) {
      // A chain that leads nowhere closes no loop.
      const own = edges.get(edge.to);
      if (!own) continue;
      open.add(edge.to);
      path.push({ name: edge.to, own, next: 0 });
    }
  }
}

function loopFault({ to, rule }: Edge, path: readonly string[]) {
  const loop = path.slice(path.indexOf(to));
  const through = loop.length > 1 ? ` (${[...loop, to].join(' -> ')})` : '';
  return ruleFault(rule.file, rule.line, `chain ${to} jumps to itself${through}`);
}

function edgesOf(chain: Chain, table: Table): Edge[] {
  const edges: Edge[] = [];
  for (const rule of chain.rules) {
    for (const statement of rule.statements) {
      if (statement.kind === 'verdict') addEdge(statement.verdict, rule, table, edges);
      if (statement.kind !== 'verdict-map') continue;
      for (const { datum } of elementsOf(statement.map, table)) {
        if (datum?.kind === 'verdict') addEdge(datum.verdict, rule, table, edges);
      }
    }
  }
  return edges;
}

function addEdge(verdict: Verdict, rule: Rule, table: Table, edges: Edge[]): void {
  if (verdict.kind !== 'jump' && verdict.kind !== 'goto') return;
  const { chain: to } = verdict;
  if (table.chains.has(to)) edges.push({ to, rule });
  else {
    throw ruleFault(rule.file, rule.line, `jump to chain ${to}, which table ${table.name} lacks`);
  }
}

/** The elements written out, or those of the named set; none if there is no such set. */
export function elementsOf(elements: Elements, table: Table) {
  return elements.kind === 'these'
    ? elements.elements
    : (table.sets.get(elements.name)?.elements ?? []);
}
