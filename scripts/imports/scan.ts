/**
 * Finds the imports of a TypeScript file by its text: static, re-exported, bare and dynamic ones. Comments are
 * dropped first; a specifier that is built at run time is not seen.
 */

/** One import as written. */
export interface Import {
  readonly specifier: string;
  /** `import type` or `export type`: erased before the file runs. */
  readonly typeOnly: boolean;
}

const BLOCK_COMMENT = /\/\*[\s\S]*?\*\//g;
const LINE_COMMENT = /^\s*\/\/.*$/gm;
const FROM = /^\s*(?:import|export)\s+(type\s)?[^;'"`]*?\bfrom\s*["']([^"']+)["']/gm;
const BARE = /^\s*import\s*["']([^"']+)["']/gm;
const DYNAMIC = /\bimport\(\s*["']([^"']+)["']/g;

/** Every import of `source`, in no particular order. */
export function importsOf(source: string): Import[] {
  const code = source.replace(BLOCK_COMMENT, "").replace(LINE_COMMENT, "");
  const imports: Import[] = [];
  for (const match of code.matchAll(FROM)) {
    imports.push({ specifier: match[2] ?? "", typeOnly: match[1] !== undefined });
  }
  for (const pattern of [BARE, DYNAMIC]) {
    for (const match of code.matchAll(pattern)) {
      imports.push({ specifier: match[1] ?? "", typeOnly: false });
    }
  }
  return imports;
}
