/**
 * Finds exports without a docstring by the text of a file: a block comment of at least one sentence has to end on the
 * line before the export. Names that are exported in a list (`export { a }`) are judged where they are declared.
 */
import type { SourceFile } from "../imports/judge.ts";

const EXPORT =
  /^export (?:declare |abstract |async )*(?:function\*?|class|interface|type|const|let) (?<name>[\w$]+)/;

/** The type of a schema that stands beside it: its schema is what is described. */
const TYPE_OF_SCHEMA = /^export type \w+ = Static<typeof \w+>;/;

/** Two words at least, of which the last ends a sentence. */
const SENTENCE = /^[^@\s]+\s+[^@]*[.:…)]/;

/** One sentence for each export that has none. */
export function judgeDocstrings(files: readonly SourceFile[]): string[] {
  return files.flatMap(({ path, text }) => {
    const lines = text.split(/\r?\n/);
    return lines.flatMap((line, index) => {
      const name = EXPORT.exec(line)?.groups?.["name"];
      if (name === undefined || TYPE_OF_SCHEMA.test(line)) return [];
      if (isOverload(lines, index, name) || SENTENCE.test(commentBefore(lines, index))) return [];
      return [`${path}:${index + 1}: ${name} has no docstring of at least one sentence`];
    });
  });
}

/** Whether the line before is another signature of the same function, which has the docstring for both. */
function isOverload(lines: readonly string[], index: number, name: string): boolean {
  const before = lines[index - 1] ?? "";
  return before.endsWith(";") && EXPORT.exec(before)?.groups?.["name"] === name;
}

/** The words of the block comment that ends on the line before `index`; empty when there is none. */
function commentBefore(lines: readonly string[], index: number): string {
  if (lines[index - 1]?.endsWith("*/") !== true) return "";
  const start = lines.findLastIndex((line, at) => at < index && line.startsWith("/**"));
  const comment = lines.slice(start, index).join(" ");
  return comment.replaceAll(/\/\*\*|\*\/|\s\*\s/g, " ").trim();
}
