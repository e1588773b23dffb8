/**
 * Generated parts of a page stand between `<!-- generated: NAME -->` and `<!-- end -->`; what is written by hand
 * around them stays. A name may be followed by an argument, as in `<!-- generated: example PATH -->`.
 */

/** Every generated part by its name; it is given its argument, empty when there is none. */
export type Parts = Readonly<Record<string, (argument: string) => string>>;

const PART = /<!-- generated: ([a-z-]+)(?: (\S+))? -->\n[\s\S]*?<!-- end -->/g;

/**
 * The page with its generated parts made anew.
 * @throws {Error} when the page names a part that nobody makes
 */
export function fillPage(page: string, parts: Parts): string {
  return page.replace(PART, (_whole, name: string, argument: string = "") => {
    const make = parts[name];
    if (make === undefined) throw new Error(`Nothing generates the part ${name}`);
    const head = argument === "" ? name : `${name} ${argument}`;
    return `<!-- generated: ${head} -->\n\n${make(argument)}\n\n<!-- end -->`;
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
