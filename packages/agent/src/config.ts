/** Every setting of the agent, from environment and flags. */
import { readFileSync } from "node:fs";
import { homedir, hostname } from "node:os";
import { join } from "node:path";
import { checkKeyFormat, roleOfKey } from "@porchlight/protocol/key-format";
import { MAX_AGENT_CONCURRENCY, MAX_NAME_CHARS } from "@porchlight/protocol/limits";
import { LOG_LEVELS } from "@porchlight/runtime/logger";
import {
  type SettingsOf,
  type SettingsReading,
  type SettingsTable,
  readSettings,
} from "@porchlight/runtime/settings";
import type { Program } from "@porchlight/runtime/settings-help";
import {
  enumSetting,
  expected,
  integerSetting,
  parseHours,
  parseLabels,
  parseNonNegative,
  textSetting,
} from "@porchlight/runtime/settings-parsers";
import {
  isLoopback,
  parseCidrs,
  parseDomains,
  parsePorts,
} from "@porchlight/runtime/target-policy";
import manifest from "../package.json" with { type: "json" };
import { defaultDataFolder } from "./data-folder.ts";

/** What `--help` and `--version` say. */
export const AGENT_PROGRAM: Program = {
  name: "porchlight-agent",
  version: manifest.version,
  summary: "performs requests for an orchestrator on this computer's own line",
};

/** Longest key anybody makes. Characters. */
const MAX_KEY_CHARS = 512;

/** Source: contract, section "Agent environment". */
export const AGENT_SETTINGS = {
  orchestratorUrl: {
    env: "ORCH_WS",
    flag: "--ws",
    description:
      "address of the orchestrator, such as wss://host/agent; ws:// only to this computer",
    required: true,
    parse: parseOrchestratorUrl,
  },
  key: {
    env: "AGENT_KEY",
    flag: "--key",
    description: "the agent's key",
    required: true,
    secret: true,
    parse: parseKey,
  },
  name: {
    env: "AGENT_NAME",
    flag: "--name",
    description: "what the agent is called; with the key it makes its identity",
    default: hostname().slice(0, MAX_NAME_CHARS),
    defaultNote: "host name",
    parse: parseName,
  },
  maxConcurrency: {
    env: "AGENT_MAX_CONCURRENCY",
    flag: "--max-concurrency",
    description: "jobs and tunnels at a time",
    default: "8",
    parse: integerSetting(1, MAX_AGENT_CONCURRENCY),
  },
  labels: {
    env: "AGENT_LABELS",
    flag: "--labels",
    description: "key=value,… for jobs to choose by",
    parse: parseLabels,
  },
  targetPorts: {
    env: "AGENT_TARGET_PORTS",
    flag: "--target-ports",
    description: "target ports that are allowed, * for all",
    default: "80,443,8080,8443",
    parse: parsePorts,
  },
  targetAllow: {
    env: "AGENT_TARGET_ALLOW",
    flag: "--target-allow",
    description:
      "networks that may be reached although they are not public; opens your home network",
    parse: parseCidrs,
  },
  allowDomains: {
    env: "AGENT_ALLOW_DOMAINS",
    flag: "--allow-domains",
    description: "only these domains, such as example.com,*.example.org",
    parse: parseDomains,
  },
  denyDomains: {
    env: "AGENT_DENY_DOMAINS",
    flag: "--deny-domains",
    description: "never these domains",
    parse: parseDomains,
  },
  maxMbps: {
    env: "AGENT_MAX_MBPS",
    flag: "--max-mbps",
    description: "megabits a second for all work together",
    parse: parsePositive,
  },
  monthlyCapGb: {
    env: "AGENT_MONTHLY_CAP_GB",
    flag: "--monthly-cap-gb",
    description: "gigabytes exchanged with targets in a calendar month, both directions",
    parse: parsePositive,
  },
  hours: {
    env: "AGENT_HOURS",
    flag: "--hours",
    description: "takes work only then, such as 22:00-07:00, local time",
    parse: parseHours,
  },
  extraCa: {
    env: "AGENT_CA_FILE",
    flag: "--ca-file",
    description: "PEM file of a certificate authority to trust besides the usual ones",
    parse: readCertificates,
  },
  dataFolder: {
    env: "AGENT_DATA_DIR",
    flag: "--data-dir",
    description: "directory of the ledger",
    default: defaultDataFolder({
      platform: process.platform,
      homeFolder: homedir(),
      env: process.env,
    }),
    defaultNote: "per-user data directory",
    parse: textSetting(4_096),
  },
  logLevel: {
    env: "AGENT_LOG_LEVEL",
    flag: "--log-level",
    description: `how much is logged: ${LOG_LEVELS.join(", ")}`,
    default: "info",
    parse: enumSetting(LOG_LEVELS),
  },
} as const satisfies SettingsTable;

/** What an agent is run with: one value per setting, checked. */
export type AgentConfig = SettingsOf<typeof AGENT_SETTINGS>;

/** Reads the agent's settings; all faults come at once. */
export function readConfig(source: {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly argv: readonly string[];
}): SettingsReading<typeof AGENT_SETTINGS> {
  return readSettings(AGENT_SETTINGS, { ...source, program: AGENT_PROGRAM });
}

/** Where the ledger of a configuration lies. */
export function ledgerFolder(config: Pick<AgentConfig, "dataFolder">): string {
  return join(config.dataFolder, "ledger");
}

function parseOrchestratorUrl(text: string): URL {
  const url = URL.parse(text);
  if (url === null || !/^wss?:$/.test(url.protocol)) {
    throw expected("an address such as wss://host/agent");
  }
  if (url.protocol === "ws:" && !isLoopback(url.hostname)) {
    throw expected(
      "wss://, since ws:// would send the key openly; only to this computer it may be ws://",
    );
  }
  if (url.username !== "" || url.password !== "" || url.search !== "" || url.hash !== "") {
    throw expected("an address without user, ? and #; the key goes into AGENT_KEY");
  }
  return url;
}

function parseKey(text: string): string {
  if (!/^[\x21-\x7e]+$/.test(text) || text.length > MAX_KEY_CHARS) {
    throw expected("a key: letters, digits and signs without spaces");
  }
  if (checkKeyFormat(text) === "damaged") {
    throw expected("the whole key; this one lacks a part or has a slip in it");
  }
  const role = roleOfKey(text);
  if (role !== undefined && role !== "agent")
    throw expected(`an agent's key; this is one of a ${role}`);
  return text;
}

function parseName(text: string): string {
  // oxlint-disable-next-line no-control-regex -- they are what is refused
  if (text.length > MAX_NAME_CHARS || /[\0-\x1f\x7f]/.test(text)) {
    throw expected(`a name of at most ${MAX_NAME_CHARS} characters`);
  }
  return text;
}

function parsePositive(text: string): number {
  const value = parseNonNegative(text);
  if (value === 0) throw expected("a number above 0");
  return value;
}

function readCertificates(file: string): string {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch {
    throw expected("a file that can be read");
  }
  if (!text.includes("-----BEGIN CERTIFICATE-----"))
    throw expected("a PEM file with a certificate");
  return text;
}
