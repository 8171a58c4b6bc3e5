// Tables for reports in Markdown that are read as text too; pure text, no VS Code.

/** For cells and list entries, which a line break would end. */
export function oneLine(text: string): string {
  return text.replace(/\r?\n/g, " ");
}

/** A Markdown table with padded columns, because the report is read as text too. */
export function table(head: string[], rows: string[][]): string[] {
  // Line breaks and bars would break out of their cell.
  const safe = [head, ...rows].map((row) => row.map((text) => oneLine(text).replace(/\|/g, "\\|")));
  const widths = head.map((_, column) => Math.max(...safe.map((row) => row[column]?.length ?? 0)));
  const [first, ...rest] = safe.map(
    (row) => `| ${row.map((text, column) => text.padEnd(widths[column] ?? 0)).join(" | ")} |`,
  );
  return [first ?? "", `|${widths.map((width) => "-".repeat(width + 2)).join("|")}|`, ...rest];
}
