/** Puts the rooms together: the only file that names concrete adapters. */
import { ProxyError } from "@porchlight/protocol/errors";
import { secrets, type Logger } from "@porchlight/runtime/logger";
import { Authenticator } from "./accounts/authenticator.ts";
import { Registry, type AgentRecord } from "./agents/registry.ts";
import { createApi } from "./api/api.ts";
import { ORCHESTRATOR_PROGRAM, type OrchestratorConfig } from "./config.ts";
import { createAgentDoor } from "./gateway/agent-door.ts";
import { HttpListener, type BoundAddress } from "./http-listener.ts";
import { Dispatcher } from "./jobs/dispatcher.ts";
import type { JobRules } from "./jobs/job-request.ts";
import { WaitingLine } from "./jobs/waiting-line.ts";
import { Selector } from "./routing/selector.ts";
import { RunningNode, type Readiness } from "./running-node.ts";
import { StartError } from "./start-error.ts";
import { openSqliteState } from "./state/sqlite-state.ts";
import type { State } from "./state/state.ts";
import { TlsFiles } from "./tls-files.ts";
import { Tunnels } from "./tunnels/tunnels.ts";

export interface NodeOptions {
  readonly logger: Logger;
  /** Default: the embedded store in the configuration's directory. Closed with the node. */
  readonly state?: State;
  /** Start even though no agent or client could come in yet: their keys will be created while it runs. */
  readonly keysOptional?: boolean;
}

/**
 * Starts an orchestrator; resolves when it listens. When it rejects, nothing is left behind.
 * @throws {StartError} when store, keys, certificate or address cannot be used
 */
export async function startNode(
  config: OrchestratorConfig,
  { logger, state, keysOptional = false }: NodeOptions,
): Promise<RunningNode> {
  await using opened = new AsyncDisposableStack();
  const store = opened.adopt(state ?? openStore(config), (it) => it.close());
  const authenticator = opened.adopt(await openAuthenticator(config, store, logger), (it) =>
    it.close(),
  );
  if (!keysOptional) requireKeys(authenticator);
  const tls = opened.adopt(loadTls(config, logger), (it) => it?.close());

  const registry = new Registry({ pauses: store.pauses });
  const work = createWork(config, registry, logger);
  const readiness: Readiness = { ready: false };
  const door = createAgentDoor({
    authenticator,
    registry,
    heartbeatMs: config.heartbeatMs,
    maxBodyBytes: config.maxBodyBytes,
    trustProxy: config.trustProxy ?? [],
    logger,
  });
  const api = await createApi({
    keys: authenticator,
    jobs: work.dispatcher,
    pool: registry,
    rules: jobRules(config),
    maxBodyBytes: config.maxBodyBytes,
    trustProxy: config.trustProxy ?? [],
    version: ORCHESTRATOR_PROGRAM.version,
    logger,
    isDraining: () => !readiness.ready,
  });
  const listener = new HttpListener({ tls, api, door, logger });
  opened.defer(() => api.close());
  // Links end before the listener does: it waits for its connections.
  opened.defer(() => listener.close());
  opened.defer(() => door.close());
  const apiAddress = await listener.open(config.listen);
  authenticator.start();
  readiness.ready = true;
  announce(config, apiAddress, logger);
  return new RunningNode(
    { apiAddress, registry, authenticator, ...work },
    { readiness, door, drainMs: config.drainMs, cleanUp: opened.move(), logger },
  );
}

/**
 * Opens the embedded store of a data directory.
 * @throws {ProxyError} `internal` when the directory or its file cannot be used
 */
export function openState(dataDir: string): State {
  return openSqliteState(dataDir);
}

function openStore({ dataDir }: OrchestratorConfig): State {
  try {
    return openState(dataDir);
  } catch (cause) {
    throw new StartError(1, ProxyError.from(cause).message, { cause });
  }
}

function openAuthenticator(
  config: OrchestratorConfig,
  { keys }: State,
  logger: Logger,
): Promise<Authenticator> {
  const { agentKeys = [], clientKeys = [], adminKeys = [] } = config;
  const staticKeys = [...agentKeys, ...clientKeys, ...adminKeys];
  for (const { secret } of staticKeys) secrets.register(secret);
  return Authenticator.open({ staticKeys, store: keys, logger });
}

/** @throws {StartError} with exit code 2 when no agent, or no client, could come in */
function requireKeys(authenticator: Authenticator): void {
  const missing = (["agent", "client"] as const).filter((role) => !authenticator.knows(role));
  if (missing.length === 0) return;
  const lines = missing.map(
    (role) =>
      `  - No ${role} key: give ORCH_${role.toUpperCase()}_KEYS, or make one with ` +
      `porchlight keys create --role ${role} --name NAME`,
  );
  throw new StartError(
    2,
    `Nobody could use this orchestrator, nothing was started:\n${lines.join("\n")}`,
  );
}

/** @throws {StartError} when the files cannot be read or do not belong together */
function loadTls({ tlsCert, tlsKey }: OrchestratorConfig, logger: Logger): TlsFiles | undefined {
  if (tlsCert === undefined || tlsKey === undefined) return undefined;
  try {
    return new TlsFiles({ cert: tlsCert, key: tlsKey }, logger);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new StartError(
      1,
      `Could not use the certificate ${tlsCert} with the key ${tlsKey}: ${reason}`,
      { cause },
    );
  }
}

/** What runs jobs and tunnels on the agents of the registry. */
function createWork(config: OrchestratorConfig, registry: Registry, logger: Logger) {
  const selector = new Selector<AgentRecord>({
    pool: registry,
    strategy: config.selection,
    random: Math.random,
  });
  const waitingLine = new WaitingLine({ registry, selector });
  const { queueWaitMs } = config;
  const dispatcher = new Dispatcher({ waitingLine, selector, queueWaitMs, logger });
  const tunnels = new Tunnels({ waitingLine, queueWaitMs, logger });
  return { waitingLine, dispatcher, tunnels };
}

/** What this orchestrator lets a job do. */
function jobRules(config: OrchestratorConfig): JobRules {
  return {
    timeoutMs: config.jobTimeoutMs,
    maxResponseBytes: config.maxBodyBytes,
    targets: { ports: config.targetPorts, allow: config.targetAllow ?? [] },
  };
}

function announce(config: OrchestratorConfig, { url }: BoundAddress, logger: Logger): void {
  logger.info({ url, pid: process.pid }, "Listening");
  if (config.proxyListen !== undefined && config.proxyListen !== "off") {
    logger.warn("ORCH_PROXY_LISTEN is not available yet: no proxy is listening");
  }
}
