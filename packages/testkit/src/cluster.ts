/** An orchestrator and agents as processes of their own, on loopback and any free port, for one test. */
import { join } from "node:path";
import { ApiClient } from "./api-client.ts";
import { testCertificate, type TestCertificate } from "./certificate.ts";
import { startFaultRelay, type FaultRelay } from "./fault-relay.ts";
import { writeGeoFiles } from "./geo-files.ts";
import { connectJsonAgent, type JsonAgent, type JsonAgentOptions } from "./json-agent.ts";
import { connectMuxAgent, type MuxAgent, type MuxAgentOptions } from "./mux-agent.ts";
import { Program } from "./program.ts";
import { temporaryFolder, type TemporaryFolder } from "./temporary-folder.ts";
import { until } from "./until.ts";

/** Variables of a program by name. */
export type Environment = Readonly<Record<string, string>>;

/** What the cluster consists of, and what of its settings is not the default. */
export interface ClusterOptions {
  /** Agents named `agent-1`, `agent-2`, …; default 1. */
  readonly agents?: number;
  /** Differs from the defaults below. */
  readonly orchestrator?: Environment;
  readonly agent?: Environment;
  /** TLS on the orchestrator's listener. */
  readonly tls?: boolean;
  /** File descriptors the orchestrator may have (faults F18); default: as many as this process. */
  readonly descriptors?: number;
  /** Agents reach the orchestrator through a relay that can play a bad line. */
  readonly relay?: boolean;
  /** With databases of places and networks that know the addresses of `HOMES`; see `startAgentAt`. Without TLS. */
  readonly geo?: boolean;
}

/** Secrets of the static keys: two agents' keys, two clients', one admin's. */
export const KEYS = {
  agent: "agent-secret-0123456789",
  otherAgent: "other-agent-secret-0123456789",
  client: "client-secret-0123456789",
  otherClient: "other-client-secret-0123456789",
  admin: "admin-secret-0123456789",
} as const;

/** Everything on loopback is a target here. */
const LOOPBACK = "127.0.0.0/8,::1/128";

const ORCHESTRATOR_ENV: Environment = {
  ORCH_AGENT_KEYS: `home:${KEYS.agent},elsewhere:${KEYS.otherAgent}`,
  ORCH_CLIENT_KEYS: `shop:${KEYS.client},rival:${KEYS.otherClient}`,
  ORCH_ADMIN_KEYS: `boss:${KEYS.admin}`,
  ORCH_TARGET_PORTS: "*",
  ORCH_TARGET_ALLOW: LOOPBACK,
  ORCH_QUEUE_WAIT_MS: "1000",
  ORCH_LOG_LEVEL: "info",
};

const AGENT_ENV: Environment = {
  AGENT_KEY: KEYS.agent,
  AGENT_TARGET_PORTS: "*",
  AGENT_TARGET_ALLOW: LOOPBACK,
  AGENT_LOG_LEVEL: "info",
};

const PACKAGES = join(import.meta.dirname, "../..");
const ORCHESTRATOR_MAIN = join(PACKAGES, "orchestrator/src/main.ts");
const AGENT_MAIN = join(PACKAGES, "agent/src/main.ts");
const PROCESS_FAULTS = join(PACKAGES, "testkit/src/process-faults.ts");
const AGENT_GROUP = join(PACKAGES, "testkit/src/agent-group.ts");

/** A running orchestrator with its agents; leaving its scope ends them and removes their folder. */
export class Cluster implements AsyncDisposable {
  orchestrator: Program;
  readonly agents: Program[] = [];
  /** Port of the orchestrator; the same after a restart. */
  readonly port: number;
  /** Port of the proxy; the same after a restart. */
  readonly proxyPort: number;
  readonly relay: FaultRelay | undefined;
  readonly certificate: TestCertificate | undefined;
  readonly folder: TemporaryFolder;
  readonly #options: ClusterOptions;
  readonly #homeRelays: FaultRelay[] = [];

  constructor(parts: ClusterParts, options: ClusterOptions) {
    this.orchestrator = parts.orchestrator;
    this.port = parts.port;
    this.proxyPort = parts.proxyPort;
    this.relay = parts.relay;
    this.certificate = parts.certificate;
    this.folder = parts.folder;
    this.#options = options;
  }

  get origin(): string {
    return `${this.certificate ? "https" : "http"}://127.0.0.1:${this.port}`;
  }

  /** What agents dial: the relay, if there is one. */
  get agentUrl(): string {
    const scheme = this.certificate ? "wss" : "ws";
    return `${scheme}://127.0.0.1:${this.relay?.port ?? this.port}/agent`;
  }

  /** The proxy as a client is told of it, by username and key. */
  proxyUrl(username = "any", key: string = KEYS.client): string {
    const scheme = this.certificate ? "https" : "http";
    return `${scheme}://${encodeURIComponent(username)}:${key}@127.0.0.1:${this.proxyPort}`;
  }

  get client(): ApiClient {
    return this.as(KEYS.client);
  }

  get admin(): ApiClient {
    return this.as(KEYS.admin);
  }

  /** A client with any key, or with none. */
  as(key: string | undefined): ApiClient {
    const ca = this.certificate?.ca;
    return new ApiClient({
      origin: this.origin,
      ...(key === undefined ? {} : { key }),
      ...(ca === undefined ? {} : { ca }),
    });
  }

  /** The value of one of our metrics, by its name behind `porchlight_` with its labels; NaN when there is none. */
  async metric(name: string): Promise<number> {
    const { body } = await this.admin.call({ path: "/metrics" });
    const start = `porchlight_${name} `;
    const line = String(body)
      .split("\n")
      .find((each) => each.startsWith(start));
    return Number(line?.slice(start.length));
  }

  /** Starts one more agent and does not wait for it; `AGENT_NAME` is `agent-N` unless given. */
  startAgent(env: Environment = {}): Program {
    return this.#startAgentProgram(AGENT_MAIN, env);
  }

  /** Starts one more agent that is observed at this address, as behind a trusted proxy; needs `geo`. */
  async startAgentAt(address: string, env: Environment = {}): Promise<Program> {
    const relay = await startFaultRelay({ targetPort: this.port, forwardedFor: address });
    this.#homeRelays.push(relay);
    return this.startAgent({ ORCH_WS: `ws://127.0.0.1:${relay.port}/agent`, ...env });
  }

  /** Starts many agents in one process and does not wait for them; they are named `agent-N-1`, `agent-N-2`, … */
  startAgentGroup(count: number, env: Environment = {}): Program {
    return this.#startAgentProgram(AGENT_GROUP, { GROUP_COUNT: String(count), ...env });
  }

  /** Waits until exactly `count` agents are available. */
  async untilAvailable(count: number, deadlineMs = 10_000): Promise<void> {
    await until(
      `${count} available agents`,
      async () => {
        const agents = await this.client.agents();
        return agents.filter((agent) => agent.status === "available").length === count;
      },
      deadlineMs,
    );
  }

  /** Connects a scripted agent of the JSON profile. */
  jsonAgent(options: Partial<JsonAgentOptions> = {}): Promise<JsonAgent> {
    return connectJsonAgent({ ...this.#dial(), ...options });
  }

  /** Connects a scripted agent of the mux profile. */
  muxAgent(options: Partial<MuxAgentOptions> = {}): Promise<MuxAgent> {
    return connectMuxAgent({ ...this.#dial(), ...options });
  }

  /** Starts the orchestrator again, on the same port with the same data, after it has ended. */
  async restartOrchestrator(): Promise<void> {
    const { folder, certificate, port, proxyPort } = this;
    const ports = { port, proxyPort };
    this.orchestrator = startOrchestrator({ folder, certificate, ports, options: this.#options });
    await boundPorts(this.orchestrator);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.agents.map((agent) => agent[Symbol.asyncDispose]()));
    await this.orchestrator[Symbol.asyncDispose]();
    await this.relay?.[Symbol.asyncDispose]();
    await Promise.all(this.#homeRelays.map((relay) => relay[Symbol.asyncDispose]()));
    await this.folder[Symbol.asyncDispose]();
  }

  #startAgentProgram(main: string, env: Environment): Program {
    const name = `agent-${this.agents.length + 1}`;
    const agent = new Program({
      name,
      args: ["--import", PROCESS_FAULTS, main],
      env: {
        ...AGENT_ENV,
        ORCH_WS: this.agentUrl,
        AGENT_NAME: name,
        AGENT_DATA_DIR: join(this.folder.path, name),
        ...(this.certificate ? { AGENT_CA_FILE: this.certificate.caFile } : {}),
        ...this.#options.agent,
        ...env,
      },
      cwd: this.folder.path,
    });
    this.agents.push(agent);
    return agent;
  }

  #dial(): { url: string; key: string; ca?: string } {
    const ca = this.certificate?.ca;
    return { url: this.agentUrl, key: KEYS.agent, ...(ca === undefined ? {} : { ca }) };
  }
}

interface Ports {
  readonly port: number;
  readonly proxyPort: number;
}

interface ClusterParts extends Ports {
  readonly orchestrator: Program;
  readonly relay: FaultRelay | undefined;
  readonly certificate: TestCertificate | undefined;
  readonly folder: TemporaryFolder;
}

/** Starts an orchestrator and waits for it, then agents, and waits until all of them are available. */
export async function startCluster(asked: ClusterOptions = {}): Promise<Cluster> {
  const folder = await temporaryFolder();
  const options = asked.geo ? await withGeo(asked, folder) : asked;
  const certificate = options.tls ? await testCertificate() : undefined;
  const anyPorts = { port: 0, proxyPort: 0 };
  const orchestrator = startOrchestrator({ folder, certificate, ports: anyPorts, options });
  try {
    const ports = await boundPorts(orchestrator);
    const relay = options.relay ? await startFaultRelay({ targetPort: ports.port }) : undefined;
    const cluster = new Cluster({ orchestrator, ...ports, relay, certificate, folder }, options);
    const { agents = 1 } = options;
    for (let index = 0; index < agents; index++) cluster.startAgent();
    if (agents > 0) await untilJoined(cluster, agents);
    return cluster;
  } catch (error) {
    await orchestrator[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
    throw error;
  }
}

/** The databases, and trust in what relays on this machine say of an agent's address. */
async function withGeo(options: ClusterOptions, folder: TemporaryFolder): Promise<ClusterOptions> {
  const { places, networks } = await writeGeoFiles(folder);
  const orchestrator = {
    ORCH_GEOIP_DB: places,
    ORCH_ASN_DB: networks,
    ORCH_TRUST_PROXY: "127.0.0.1/32",
    ...options.orchestrator,
  };
  return { ...options, orchestrator };
}

async function untilJoined(cluster: Cluster, agents: number): Promise<void> {
  try {
    await cluster.untilAvailable(agents, 15_000);
  } catch (error) {
    const logs = [cluster.orchestrator, ...cluster.agents].map(({ logs }) => logs.text);
    await cluster[Symbol.asyncDispose]();
    throw new Error(`The agents did not join\n${logs.join("\n")}`, { cause: error });
  }
}

function startOrchestrator(how: {
  readonly folder: TemporaryFolder;
  readonly certificate: TestCertificate | undefined;
  readonly ports: Ports;
  readonly options: ClusterOptions;
}): Program {
  const { folder, certificate, ports, options } = how;
  return new Program({
    name: "orchestrator",
    ...limited(options.descriptors, [
      "--import",
      PROCESS_FAULTS,
      ORCHESTRATOR_MAIN,
      "orchestrator",
    ]),
    env: {
      ...ORCHESTRATOR_ENV,
      ORCH_LISTEN: `127.0.0.1:${ports.port}`,
      ORCH_PROXY_LISTEN: `127.0.0.1:${ports.proxyPort}`,
      ORCH_DATA_DIR: folder.path,
      ...(certificate
        ? { ORCH_TLS_CERT: certificate.certFile, ORCH_TLS_KEY: certificate.keyFile }
        : {}),
      ...options.orchestrator,
    },
    cwd: folder.path,
  });
}

/** The ports that the orchestrator says it listens on. */
async function boundPorts(orchestrator: Program): Promise<Ports> {
  await orchestrator.ready(/"Proxy listening"/, 15_000);
  return {
    port: boundPort(orchestrator, "Listening"),
    proxyPort: boundPort(orchestrator, "Proxy listening"),
  };
}

function boundPort(orchestrator: Program, message: string): number {
  const line = orchestrator.logs.find(({ fields }) => fields["msg"] === message);
  return Number(/127\.0\.0\.1:(\d+)/.exec(line?.text ?? "")?.[1]);
}

/** How to run Node with these arguments and no more than so many descriptors. */
function limited(
  descriptors: number | undefined,
  args: readonly string[],
): { command: string; args: readonly string[] } {
  if (descriptors === undefined) return { command: process.execPath, args };
  const script = `ulimit -n ${descriptors} && exec "$0" "$@"`;
  return { command: "/bin/sh", args: ["-c", script, process.execPath, ...args] };
}
