/** How a table of settings is shown to people: `--help` and the docs. */
import type { Setting, SettingsTable } from "./settings.ts";

/** What a program says about itself. */
export interface Program {
  /** As typed, such as `porchlight-agent`. */
  readonly name: string;
  readonly version: string;
  /** One sentence in lower case, no final period. */
  readonly summary: string;
}

/** One line of the table of settings in the docs. */
export interface SettingRow {
  readonly name: string;
  readonly flag: string;
  /** `required`, the default's text, a note, or `–` for none. */
  readonly default: string;
  readonly description: string;
}

/** The rows of a settings table, in its order: the source of `--help` and of the docs' tables. */
export function settingRows(table: SettingsTable): SettingRow[] {
  return Object.values(table).map((setting) => ({
    name: setting.env,
    flag: setting.flag,
    default: defaultOf(setting),
    description: setting.description,
  }));
}

/** The text of `--help`: usage, then two lines per setting. */
export function formatHelp(table: SettingsTable, program: Program): string {
  const rows = settingRows(table);
  const flagChars = Math.max(...rows.map((row) => row.flag.length), "--version".length);
  const nameChars = Math.max(0, ...rows.map((row) => row.name.length));
  const lines = rows.map(
    (row) =>
      `  ${row.flag.padEnd(flagChars)}  ${row.name.padEnd(nameChars)}  ${row.default}\n` +
      `  ${" ".repeat(flagChars)}  ${row.description}`,
  );
  return [
    `Usage: ${program.name} [--flag value]…`,
    `${program.name} ${program.version}: ${program.summary}`,
    "",
    "Flag, environment variable, default. A flag wins over its variable.",
    "",
    ...lines,
    "",
    `  ${"--help".padEnd(flagChars)}  Show this`,
    `  ${"--version".padEnd(flagChars)}  Show the version`,
  ].join("\n");
}

function defaultOf(setting: Setting<unknown>): string {
  if (setting.required) return "required";
  return setting.defaultNote ?? setting.default ?? "–";
}
