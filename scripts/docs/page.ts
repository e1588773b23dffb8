/**
 * Generated parts of a page stand between `<!-- generated: NAME -->` and `<!-- end -->`; what is written by hand
 * around them stays.
 */

/** Every generated part by its name. */
export type Parts = Readonly<Record<string, () => string>>;

const PART = /<!-- generated: ([a-z-]+) -->\n[\s\S]*?<!-- end -->/g;

/**
 * The page with its generated parts made anew.
 * @throws {Error} when the page names a part that nobody makes
 */
export function fillPage(page: string, parts: Parts): string {
  return page.replace(PART, (_whole, name: string) => {
    const make = parts[name];
    if (make === undefined) throw new Error(`Nothing generates the part ${name}`);
    return `<!-- generated: ${name} -->\n\n${make()}\n\n<!-- end -->`;
  });
}

/** A Markdown table. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.map(escapeCell).join(" | ")} |`;
  return [line(head), `|${"---|".repeat(head.length)}`, ...rows.map(line)].join("\n");
}

/** Text as code, unless there is none. */
export function code(text: string): string {
  return text === "" ? "" : `\`${text}\``;
}

function escapeCell(text: string): string {
  return text.replaceAll("|", String.raw`\|`);
}
