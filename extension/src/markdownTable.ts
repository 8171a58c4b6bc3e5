// Texts and tables for reports in Markdown that are read as text too; pure text, no VS Code.

/** A text that shows as it is, within a cell or a list entry: `__init__.py` is a name, and a line break would end both. */
export function plain(text: string): string {
  return text.replace(/\s*\n\s*/g, " ").replace(/[\\`*_~$&<>[\]|]/g, "\\$&");
}

/** A Markdown table with padded columns, because the report is read as text too. */
export function table(head: string[], rows: string[][]): string[] {
  const safe = [head, ...rows].map((row) => row.map(plain));
  const widths = head.map((_, column) => Math.max(...safe.map((row) => row[column]?.length ?? 0)));
  const [first, ...rest] = safe.map(
    (row) => `| ${row.map((text, column) => text.padEnd(widths[column] ?? 0)).join(" | ")} |`,
  );
  return [first ?? "", `|${widths.map((width) => "-".repeat(width + 2)).join("|")}|`, ...rest];
}
