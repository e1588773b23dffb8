/** Where the repository is and what belongs to it. */
import { glob, readFile } from "node:fs/promises";
import { join, sep } from "node:path";
import { fileURLToPath } from "node:url";

/** Absolute path of the repository's root folder. */
export const ROOT = fileURLToPath(new URL("..", import.meta.url));

const FOLDERS = "{packages,scripts,tests,benchmarks,examples,docs}";
const SKIPPED = new Set(["node_modules", "dist", "results"]);

/** Paths of the repository's own files, relative to the root, with `/`, in order. */
export async function repositoryFiles(): Promise<string[]> {
  const found: string[] = [];
  const options = { cwd: ROOT, exclude: (name: string): boolean => SKIPPED.has(name) };
  for await (const path of glob([`${FOLDERS}/**/*.*`, "*.*", "LICENSE"], options)) {
    found.push(path.split(sep).join("/"));
  }
  return found.toSorted();
}

/** The text of one of them. */
export async function readText(path: string): Promise<string> {
  return await readFile(join(ROOT, path), "utf8");
}
