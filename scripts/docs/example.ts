/** Examples on a page: the file as it is, so that what is shown is what the tests run. */
import { extname } from "node:path/posix";

const LANGUAGES: Readonly<Record<string, string>> = { ".sh": "sh", ".py": "python", ".ts": "ts" };

/**
 * The file's text as a block of code, below a link to it from a page in docs/.
 * @throws {Error} when there is no such file
 */
export function exampleBlock(path: string, texts: ReadonlyMap<string, string>): string {
  const text = texts.get(path);
  if (text === undefined) throw new Error(`There is no example ${path}`);
  const fence = `\`\`\`${LANGUAGES[extname(path)] ?? ""}\n${text.trimEnd()}\n\`\`\``;
  return `[${path}](../${path})\n\n${fence}`;
}
