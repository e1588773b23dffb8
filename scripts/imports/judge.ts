/** Judges every import of a set of files by the rules of `rules.ts`. */
import { dirname, join } from "node:path/posix";
import {
  ADAPTER_MODULES,
  ADAPTER_NAME,
  COMPOSITION_ROOTS,
  isPure,
  isTest,
  LAUNCHER,
  PACKAGE_DIRECTION,
  PACKAGE_FOLDERS,
  ROOM_DIRECTION,
  STARTS_WITH_LAUNCHER,
} from "./rules.ts";
import { importsOf } from "./scan.ts";

/** A source file: path relative to the repository, with `/`, and its text. */
export interface SourceFile {
  readonly path: string;
  readonly text: string;
}

interface Place {
  readonly path: string;
  /** Folder under packages; `undefined` outside. */
  readonly folder: string | undefined;
  /** Room of the orchestrator; `undefined` elsewhere and for its root files. */
  readonly room: string | undefined;
  /** File name without extension. */
  readonly name: string;
}

const CLOCKS = /\b(?:Date\.now|performance\.now|setTimeout|setInterval|setImmediate)\s*\(/;

/** One sentence for each import (or use of a clock) that is not allowed. */
export function judgeFiles(files: readonly SourceFile[]): string[] {
  return files.flatMap((file) => [...judgeClock(file), ...judgeImports(file)]);
}

function judgeClock(file: SourceFile): string[] {
  if (!isPure(file.path) || isTest(file.path) || !CLOCKS.test(file.text)) return [];
  return [`${file.path}: a pure file takes time as an argument and sets no timers`];
}

function judgeImports(file: SourceFile): string[] {
  const from = placeOf(file.path);
  const faults: string[] = [];
  for (const { specifier, typeOnly } of importsOf(file.text)) {
    const to = resolveSpecifier(from, specifier);
    const fault =
      to === undefined
        ? judgeModule(from, specifier)
        : (judgePlace(from, to, specifier) ?? (typeOnly ? undefined : judgePurity(from, to)));
    if (fault !== undefined) faults.push(`${file.path}: imports ${specifier}: ${fault}`);
  }
  return faults;
}

function judgeModule(from: Place, specifier: string): string | undefined {
  if (isTest(from.path)) return undefined;
  if (isPure(from.path) && specifier.startsWith("node:"))
    return "a pure file imports no node: module";
  if (from.folder === undefined) return undefined;
  if (ADAPTER_MODULES.test(specifier) && !ADAPTER_NAME.test(from.name)) {
    return "only an adapter's own file names this store";
  }
  return undefined;
}

function judgePurity(from: Place, to: Place): string | undefined {
  if (!isPure(from.path) || isTest(from.path) || isPure(to.path)) return undefined;
  return "a pure file imports pure files only, or types";
}

function judgePlace(from: Place, to: Place, specifier: string): string | undefined {
  if (isTest(to.path) && !isTest(from.path)) return "made for tests only";
  if (from.folder === to.folder) return judgeInside(from, to);
  if (to.path === LAUNCHER && STARTS_WITH_LAUNCHER.test(from.path)) return undefined;
  if (specifier.startsWith(".")) return "another package is imported by its name";
  if (to.folder === "testkit" && isTest(from.path)) return undefined;
  if (from.folder === undefined) return judgeOutside(from, to);
  if (PACKAGE_DIRECTION[from.folder]?.includes(to.folder ?? "")) return undefined;
  return `${from.folder} does not import ${to.folder ?? "from outside packages"}`;
}

/** Scripts are part of what users run; tests, benchmarks and examples are not. */
function judgeOutside(from: Place, to: Place): string | undefined {
  const isScript = from.path.startsWith("scripts/");
  return isScript && to.folder === "testkit" ? "testkit is for tests only" : undefined;
}

function judgeInside(from: Place, to: Place): string | undefined {
  if (from.folder !== "orchestrator" || isTest(from.path)) return undefined;
  const composing = from.room === undefined && from.name === "node";
  if (ADAPTER_NAME.test(to.name) && !ADAPTER_NAME.test(from.name) && !composing) {
    return "only node.ts names adapters";
  }
  if (from.room === undefined || from.room === to.room) return undefined;
  if (to.room === undefined) {
    return COMPOSITION_ROOTS.includes(to.name) ? `a room does not import ${to.name}.ts` : undefined;
  }
  if (ROOM_DIRECTION[from.room]?.includes(to.room)) return undefined;
  return `${from.room} does not import ${to.room}`;
}

function placeOf(path: string): Place {
  const parts = path.split("/");
  const name = parts.at(-1)?.replace(/\.(?:ts|js|mjs)$/, "") ?? "";
  const folder = parts[0] === "packages" ? parts[1] : undefined;
  const room = folder === "orchestrator" && parts.length > 4 ? parts[3] : undefined;
  return { path, folder, room, name };
}

/** Where a specifier leads inside the repository, `undefined` for a module from elsewhere. */
function resolveSpecifier(from: Place, specifier: string): Place | undefined {
  if (specifier.startsWith(".")) return placeOf(join(dirname(from.path), specifier));
  const name = specifier.split("/", specifier.startsWith("@") ? 2 : 1).join("/");
  const folder = Object.hasOwn(PACKAGE_FOLDERS, name) ? PACKAGE_FOLDERS[name] : undefined;
  if (folder === undefined) return undefined;
  return placeOf(`packages/${folder}/src${specifier.slice(name.length)}.ts`);
}
