/** The tables of docs/configuration.md, from the settings tables that the programs themselves read. */
import { AGENT_SETTINGS } from "porchlight-agent/config";
import { ORCHESTRATOR_SETTINGS } from "porchlight/config";
import type { SettingsTable } from "@porchlight/runtime/settings";
import { settingRows } from "@porchlight/runtime/settings-help";
import { code, table } from "./page.ts";

/** The orchestrator's settings as a table. */
export function orchestratorTable(): string {
  return settingsTable(ORCHESTRATOR_SETTINGS);
}

/** The agent's settings as a table. */
export function agentTable(): string {
  return settingsTable(AGENT_SETTINGS);
}

function settingsTable(settings: SettingsTable): string {
  const defaults = new Map(Object.values(settings).map((setting) => [setting.env, setting]));
  const rows = settingRows(settings).map(({ name, flag, default: text, description }) => {
    const { default: fixed, defaultNote } = defaults.get(name) ?? {};
    const shown = defaultNote ?? (fixed === undefined ? text : code(fixed));
    return [code(name), code(flag), shown, description];
  });
  return table(["variable", "flag", "default", "meaning"], rows);
}
