/** Laying out plain text: columns, line breaks, indentation. */

/** Pads the cells of each column to the same width, two spaces between them. */
export function columns(rows: readonly (readonly string[])[]): string[] {
  const count = Math.max(0, ...rows.map(row => row.length));
  const widths = Array.from({ length: count }, (_, column) =>
    Math.max(...rows.map(row => row[column]?.length ?? 0)),
  );
  return rows.map(row =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

/**
 * Breaks at spaces so that no line is longer than `width`, and within a word that has no room on a line
 * of its own; further lines start at column `hanging`.
 */
export function wrap(text: string, width: number, hanging = 0): string[] {
  const lines: string[] = [];
  const margin = ' '.repeat(hanging);
  let line = '';
  for (const word of text.split(/(?<=\S)(?= )/)) {
    if (line.trim() !== '' && line.length + word.length > width) {
      lines.push(line);
      line = margin + word.trimStart();
    } else line += word;
    while (line.length > width) {
      lines.push(line.slice(0, width));
      line = margin + line.slice(width);
    }
  }
  if (line !== '') lines.push(line);
  return lines;
}

/** The end of a name that is too long for its column: in a path, the end tells most. */
export function shortened(name: string, length: number): string {
  return name.length <= length ? name : `...${name.slice(3 - length)}`;
}

export function indent(lines: readonly string[]): string[] {
  return lines.map(line => (line === '' ? line : `  ${line}`));
}
