/**
 * Settings of a program, from one table: every entry is an environment variable and a flag.
 * A flag wins over the variable, the variable over the default; an empty text counts as not given.
 * All faults are collected, so that a person mends them in one go.
 */
import { parseArgs } from "node:util";
import { ProxyError } from "@porchlight/protocol/errors";
import { redactShapes } from "./logger-redaction.ts";
import { formatHelp, type Program } from "./settings-help.ts";

/** One setting: where its text comes from and how it is read. */
export interface Setting<T> {
  /** Environment variable, such as `ORCH_LISTEN`. */
  readonly env: string;
  /** Flag with its dashes, such as `--listen`. */
  readonly flag: string;
  /** What it does, for `--help` and the docs: a clause in lower case, no final period. */
  readonly description: string;
  /** Text used when neither is given; goes through `parse` like any other. */
  readonly default?: string;
  /** What help and docs say instead of a default that depends on the machine, such as `host name`. */
  readonly defaultNote?: string;
  readonly required?: boolean;
  /** Its value is never shown. */
  readonly secret?: boolean;
  /** @throws {ProxyError} `invalid_request` saying what was expected, never the text itself. */
  parse(text: string): T;
}

/** Settings by the name their value has in the program; declare it `as const satisfies SettingsTable`. */
export type SettingsTable = Readonly<Record<string, Setting<unknown>>>;

type ValueOf<S> =
  S extends Setting<infer T>
    ? S extends { readonly required: true } | { readonly default: string }
      ? T
      : T | undefined
    : never;

/** The values of a table: `undefined` only for a setting that is neither required nor has a default. */
export type SettingsOf<Table extends SettingsTable> = {
  readonly [Name in keyof Table]: ValueOf<Table[Name]>;
};

/** Where the texts come from. */
export interface SettingsSource<Table extends SettingsTable> {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Arguments behind the program's (and sub-command's) name. */
  readonly argv: readonly string[];
  readonly program: Program;
  /** Faults that need several settings; sees those that could be read. */
  readonly check?: (values: Partial<SettingsOf<Table>>) => readonly string[];
}

/** Values to run with, a text the user asked for, or everything that is wrong. */
export type SettingsReading<Table extends SettingsTable> =
  | { readonly kind: "values"; readonly values: SettingsOf<Table> }
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "faults"; readonly faults: readonly string[] };

/** Reads a table of settings from environment and flags; never throws for what a user wrote. */
export function readSettings<const Table extends SettingsTable>(
  table: Table,
  source: SettingsSource<Table>,
): SettingsReading<Table> {
  const given = readFlags(table, source.argv);
  if (given.help) return { kind: "text", text: formatHelp(table, source.program) };
  if (given.version) return { kind: "text", text: source.program.version };

  const faults = [...given.faults];
  const values: Record<string, unknown> = {};
  for (const [name, setting] of Object.entries(table)) {
    const text = nonEmpty(given.texts.get(setting.flag)) ?? nonEmpty(source.env[setting.env]);
    const result = readOne(setting, text);
    if (result.fault === undefined) values[name] = result.value;
    else faults.push(result.fault);
  }
  // Sound: each entry holds what the table's own parser returned, or nothing.
  const read = values as Partial<SettingsOf<Table>>;
  faults.push(...(source.check?.(read) ?? []));
  if (faults.length > 0) return { kind: "faults", faults };
  return { kind: "values", values: read as SettingsOf<Table> };
}

/** Prints what `readSettings` found instead of values; returns the exit code: 0 for a text, 2 for faults. */
export function printReading(
  reading: Exclude<SettingsReading<SettingsTable>, { kind: "values" }>,
  output: { readonly stdout: TextOutput; readonly stderr: TextOutput },
): 0 | 2 {
  if (reading.kind === "text") {
    output.stdout.write(`${reading.text}\n`);
    return 0;
  }
  output.stderr.write(
    `Wrong configuration, nothing was started:\n${reading.faults.map((fault) => `  - ${fault}\n`).join("")}`,
  );
  return 2;
}

interface TextOutput {
  write(text: string): unknown;
}

interface Flags {
  readonly texts: ReadonlyMap<string, string>;
  readonly faults: readonly string[];
  readonly help: boolean;
  readonly version: boolean;
}

function readFlags(table: SettingsTable, argv: readonly string[]): Flags {
  const texts = new Map<string, string>();
  const faults: string[] = [];
  const asked = new Set<string>();
  const known = new Set(Object.values(table).map((setting) => setting.flag));
  for (const { name, index, value } of argumentsOf(argv)) {
    const bare = BARE_FLAGS[name ?? ""];
    if (bare !== undefined) asked.add(bare);
    // The text is not repeated: it may be a key pasted at the wrong place.
    else if (name === undefined) faults.push(`Argument ${index + 1} belongs to no flag`);
    else if (!known.has(name)) faults.push(`Unknown flag ${name}`);
    else if (value === undefined) faults.push(`${name} needs a value`);
    else texts.set(name, value);
  }
  return { texts, faults, help: asked.has("help"), version: asked.has("version") };
}

/** Flags that take no value. */
const BARE_FLAGS: Readonly<Record<string, "help" | "version">> = {
  "--help": "help",
  "-h": "help",
  "--version": "version",
  "-V": "version",
};

interface Argument {
  /** With its dashes; `undefined` for a text that follows no flag. */
  readonly name: string | undefined;
  readonly value: string | undefined;
  readonly index: number;
}

/**
 * Flags with their values. `parseArgs` only takes the arguments apart: with declared options it would stop at
 * the first fault, or take a flag for the value of the one before, and all faults are wanted.
 */
function argumentsOf(argv: readonly string[]): Argument[] {
  const found: Argument[] = [];
  let waiting: string | undefined;
  const { tokens } = parseArgs({ args: [...argv], strict: false, tokens: true });
  for (const token of tokens) {
    if (token.kind === "positional" && waiting !== undefined) {
      found.pop();
      found.push({ name: waiting, value: token.value, index: token.index });
    } else if (token.kind === "positional") {
      found.push({ name: undefined, value: token.value, index: token.index });
    } else if (token.kind === "option") {
      found.push({ name: token.rawName, value: token.value, index: token.index });
    }
    waiting = token.kind === "option" && token.value === undefined ? token.rawName : undefined;
  }
  return found;
}

function readOne(
  setting: Setting<unknown>,
  given: string | undefined,
): { readonly value?: unknown; readonly fault?: string } {
  const label = `${setting.env} (${setting.flag})`;
  const text = given ?? setting.default;
  if (text === undefined) return setting.required ? { fault: `${label}: Required` } : {};
  try {
    return { value: setting.parse(text) };
  } catch (thrown) {
    if (!(thrown instanceof ProxyError)) throw thrown;
    const got = setting.secret ? "" : `, got ${redactShapes(JSON.stringify(text))}`;
    return { fault: `${label}: ${thrown.message}${got}` };
  }
}

/** Files of variables and compose files pass an unset variable as an empty one. */
function nonEmpty(text: string | undefined): string | undefined {
  return text === "" ? undefined : text;
}
