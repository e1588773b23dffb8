/** Every setting of the orchestrator, and the faults that only several of them together can have. */
import { ProxyError } from "@porchlight/protocol/errors";
import {
  MAX_AGENT_CONCURRENCY,
  MAX_BUFFERED_RESPONSE_BYTES,
  MAX_JOB_TIMEOUT_MS,
} from "@porchlight/protocol/limits";
import { LOG_LEVELS } from "@porchlight/runtime/logger";
import {
  readSettings,
  type SettingsOf,
  type SettingsReading,
  type SettingsTable,
} from "@porchlight/runtime/settings";
import type { Program } from "@porchlight/runtime/settings-help";
import {
  enumSetting,
  integerSetting,
  numberSetting,
  parseBoolean,
  parseListenAddress,
  parseOptionalListenAddress,
  textSetting,
  type ListenAddress,
} from "@porchlight/runtime/settings-parsers";
import { isLoopback, parseCidrs, parsePorts } from "@porchlight/runtime/target-policy";
import manifest from "../package.json" with { type: "json" };
import { hasRepeatedSecret, parseStaticKeys } from "./accounts/static-keys.ts";
import { SELECTION_STRATEGIES } from "./routing/selector.ts";

/** What `--help` and `--version` say. */
export const ORCHESTRATOR_PROGRAM: Program = {
  name: "porchlight orchestrator",
  version: manifest.version,
  summary: "takes jobs and sends them out through agents",
};

const parsePath = textSetting(4_096);

/** Longest grace and longest heartbeat: an hour. Milliseconds. */
const HOUR_MS = 3_600_000;

/** Longest time a tunnel may be idle. Milliseconds. */
const DAY_MS = 24 * HOUR_MS;

/** Beyond what any process has descriptors for. */
const MAX_CONNECTIONS = 1_000_000;
/** From one request in a hundred seconds to more than any exit does. */
const MIN_PACE_PER_SECOND = 0.01;
const MAX_PACE_PER_SECOND = 10_000;

/** Source: contract, section "Orchestrator environment". */
export const ORCHESTRATOR_SETTINGS = {
  listen: {
    env: "ORCH_LISTEN",
    flag: "--listen",
    description: "where job API and agents connect",
    default: "127.0.0.1:8080",
    parse: parseListenAddress,
  },
  proxyListen: {
    env: "ORCH_PROXY_LISTEN",
    flag: "--proxy-listen",
    description: "where proxy clients connect (HTTP, CONNECT, SOCKS5), or off",
    default: "127.0.0.1:8081",
    parse: parseOptionalListenAddress,
  },
  tlsCert: {
    env: "ORCH_TLS_CERT",
    flag: "--tls-cert",
    description: "PEM file of the certificate chain; read again when it changes",
    parse: parsePath,
  },
  tlsKey: {
    env: "ORCH_TLS_KEY",
    flag: "--tls-key",
    description: "PEM file of the certificate's key",
    parse: parsePath,
  },
  behindTls: {
    env: "ORCH_BEHIND_TLS",
    flag: "--behind-tls",
    description:
      "a load balancer in front ends TLS; without it and without a certificate, loopback only",
    default: "false",
    parse: parseBoolean,
  },
  trustProxy: {
    env: "ORCH_TRUST_PROXY",
    flag: "--trust-proxy",
    description: "networks whose X-Forwarded-For and X-Forwarded-Proto are believed",
    parse: parseCidrs,
  },
  dataDir: {
    env: "ORCH_DATA_DIR",
    flag: "--data-dir",
    description: "directory of the embedded store",
    default: "./.porchlight",
    parse: parsePath,
  },
  state: {
    env: "ORCH_STATE",
    flag: "--state",
    description: "where lasting state is kept; sqlite is what is available yet",
    default: "sqlite",
    // The address of a store may hold its password.
    secret: true,
    parse: parseState,
  },
  agentKeys: {
    env: "ORCH_AGENT_KEYS",
    flag: "--agent-keys",
    description: "static keys of agents, name:secret,name:secret, besides the stored ones",
    secret: true,
    parse: (text: string) => parseStaticKeys("agent", text),
  },
  clientKeys: {
    env: "ORCH_CLIENT_KEYS",
    flag: "--client-keys",
    description: "static keys of clients",
    secret: true,
    parse: (text: string) => parseStaticKeys("client", text),
  },
  adminKeys: {
    env: "ORCH_ADMIN_KEYS",
    flag: "--admin-keys",
    description: "static keys of admins",
    secret: true,
    parse: (text: string) => parseStaticKeys("admin", text),
  },
  jobTimeoutMs: {
    env: "ORCH_JOB_TIMEOUT_MS",
    flag: "--job-timeout-ms",
    description: "total deadline of a job that asks for none",
    default: "30000",
    parse: integerSetting(1, MAX_JOB_TIMEOUT_MS),
  },
  queueWaitMs: {
    env: "ORCH_QUEUE_WAIT_MS",
    flag: "--queue-wait-ms",
    description: "how long a job waits for a free agent",
    default: "5000",
    parse: integerSetting(0, MAX_JOB_TIMEOUT_MS),
  },
  heartbeatMs: {
    env: "ORCH_HEARTBEAT_MS",
    flag: "--heartbeat-ms",
    description: "ping interval; a link silent for two of them is dead",
    default: "15000",
    parse: integerSetting(100, HOUR_MS),
  },
  drainMs: {
    env: "ORCH_DRAIN_MS",
    flag: "--drain-ms",
    description: "how long running work may go on at shutdown",
    default: "30000",
    parse: integerSetting(0, HOUR_MS),
  },
  maxBodyBytes: {
    env: "ORCH_MAX_BODY_BYTES",
    flag: "--max-body-bytes",
    description: "largest request body, and the default limit of buffered answers",
    default: "10485760",
    parse: integerSetting(1, MAX_BUFFERED_RESPONSE_BYTES),
  },
  targetPorts: {
    env: "ORCH_TARGET_PORTS",
    flag: "--target-ports",
    description: "target ports that are allowed, * for all",
    default: "80,443,8080,8443",
    parse: parsePorts,
  },
  targetAllow: {
    env: "ORCH_TARGET_ALLOW",
    flag: "--target-allow",
    description: "networks that are allowed as targets although they are not public",
    parse: parseCidrs,
  },
  selection: {
    env: "ORCH_SELECTION",
    flag: "--selection",
    description: `how an agent is chosen: ${SELECTION_STRATEGIES.join(", ")}`,
    default: "round-robin",
    parse: enumSetting(SELECTION_STRATEGIES),
  },
  geoipDb: {
    env: "ORCH_GEOIP_DB",
    flag: "--geoip-db",
    description: "mmdb file of countries, regions and cities; read again when it changes",
    parse: parsePath,
  },
  asnDb: {
    env: "ORCH_ASN_DB",
    flag: "--asn-db",
    description: "mmdb file of networks, the autonomous systems; read again when it changes",
    parse: parsePath,
  },
  tunnelIdleMs: {
    env: "ORCH_TUNNEL_IDLE_MS",
    flag: "--tunnel-idle-ms",
    description: "a tunnel through which nothing has passed for so long is ended",
    default: "600000",
    parse: integerSetting(1_000, DAY_MS),
  },
  proxyConnectionsPerAddress: {
    env: "ORCH_PROXY_CONNECTIONS_PER_ADDRESS",
    flag: "--proxy-connections-per-address",
    description: "connections to the proxy from one address that have shown no key yet",
    default: "2048",
    parse: integerSetting(1, MAX_CONNECTIONS),
  },
  proxyConnectionsPerKey: {
    env: "ORCH_PROXY_CONNECTIONS_PER_KEY",
    flag: "--proxy-connections-per-key",
    description: "connections to the proxy of one key",
    default: "16384",
    parse: integerSetting(1, MAX_CONNECTIONS),
  },
  pacePerSecond: {
    env: "ORCH_PACE_PER_SECOND",
    flag: "--pace-per-second",
    description: "most requests per second of one agent to one target domain, such as 0.5",
    parse: numberSetting(MIN_PACE_PER_SECOND, MAX_PACE_PER_SECOND),
  },
  paceConcurrent: {
    env: "ORCH_PACE_CONCURRENT",
    flag: "--pace-concurrent",
    description: "most requests and tunnels of one agent to one target domain at a time",
    parse: integerSetting(1, MAX_AGENT_CONCURRENCY),
  },
  logLevel: {
    env: "ORCH_LOG_LEVEL",
    flag: "--log-level",
    description: `how much is logged: ${LOG_LEVELS.join(", ")}`,
    default: "info",
    parse: enumSetting(LOG_LEVELS),
  },
} as const satisfies SettingsTable;

/** What an orchestrator is run with: one value per setting, checked. */
export type OrchestratorConfig = SettingsOf<typeof ORCHESTRATOR_SETTINGS>;

/** Reads the orchestrator's settings; `argv` holds its flags only. All faults come at once. */
export function readConfig(source: {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly argv: readonly string[];
}): SettingsReading<typeof ORCHESTRATOR_SETTINGS> {
  const program = ORCHESTRATOR_PROGRAM;
  return readSettings(ORCHESTRATOR_SETTINGS, { ...source, program, check: faultsTogether });
}

function faultsTogether(config: Partial<OrchestratorConfig>): readonly string[] {
  const faults: string[] = [];
  const { listen, proxyListen, tlsCert, tlsKey, behindTls } = config;
  if ((tlsCert === undefined) !== (tlsKey === undefined)) {
    faults.push("ORCH_TLS_CERT and ORCH_TLS_KEY: Both or neither");
  }
  const isCovered = tlsCert !== undefined || tlsKey !== undefined || behindTls === true;
  if (!isCovered)
    faults.push(...openListeners({ ORCH_LISTEN: listen, ORCH_PROXY_LISTEN: proxyListen }));
  const { agentKeys = [], clientKeys = [], adminKeys = [] } = config;
  if (hasRepeatedSecret([...agentKeys, ...clientKeys, ...adminKeys])) {
    faults.push("ORCH_AGENT_KEYS, ORCH_CLIENT_KEYS and ORCH_ADMIN_KEYS: One secret is given twice");
  }
  return faults;
}

function openListeners(
  listeners: Readonly<Record<string, ListenAddress | "off" | undefined>>,
): string[] {
  return Object.entries(listeners)
    .filter(
      ([, address]) => address !== undefined && address !== "off" && !isLoopback(address.host),
    )
    .map(
      ([name]) =>
        `${name}: Without TLS only loopback addresses are listened on: give ORCH_TLS_CERT and ` +
        "ORCH_TLS_KEY, or ORCH_BEHIND_TLS=true when a load balancer ends TLS",
    );
}

function parseState(text: string): "sqlite" {
  if (text === "sqlite") return text;
  throw new ProxyError("invalid_request", "Only sqlite is available yet");
}
