/** Puts the rooms together: the only file that names concrete adapters. */
import { ProxyError } from "@porchlight/protocol/errors";
import type { Logger } from "@porchlight/runtime/logger";
import type { Authenticator } from "./accounts/authenticator.ts";
import { CountedJobs } from "./admin/counted-jobs.ts";
import { healthRoutes } from "./admin/health-routes.ts";
import { metricsRoute } from "./admin/metrics-route.ts";
import { NodeMetrics } from "./admin/metrics.ts";
import { MmdbFile } from "./agents/mmdb-file.ts";
import { MmdbLocator } from "./agents/mmdb-locator.ts";
import { Registry, type AgentRecord } from "./agents/registry.ts";
import { createApi, type Api } from "./api/api.ts";
import { authorise } from "./api/bearer.ts";
import { ConnectionLimit } from "./api/connection-limit.ts";
import { ORCHESTRATOR_PROGRAM, type OrchestratorConfig } from "./config.ts";
import { createAgentDoor } from "./gateway/agent-door.ts";
import { HttpListener, type BoundAddress } from "./http-listener.ts";
import { Dispatcher } from "./jobs/dispatcher.ts";
import type { JobRules } from "./jobs/job-request.ts";
import { WaitingLine } from "./jobs/waiting-line.ts";
import { Selector } from "./routing/selector.ts";
import { RunningNode, type Readiness } from "./running-node.ts";
import { loadTls, openAuthenticator, openConfigured, requireKeys } from "./start-checks.ts";
import { StartError } from "./start-error.ts";
import { openSqliteState } from "./state/sqlite-state.ts";
import type { State } from "./state/state.ts";
import { Tunnels } from "./tunnels/tunnels.ts";

/** What a node logs to, and what it keeps. */
export interface NodeOptions {
  readonly logger: Logger;
  /** Default: the embedded store in the configuration's directory. Closed with the node. */
  readonly state?: State;
  /** Start even though no agent or client could come in yet: their keys will be created while it runs. */
  readonly keysOptional?: boolean;
}

/**
 * Starts an orchestrator; resolves when it listens. When it rejects, nothing is left behind.
 * @throws {StartError} when store, keys, certificate, database or address cannot be used
 */
export async function startNode(
  config: OrchestratorConfig,
  { logger, state, keysOptional = false }: NodeOptions,
): Promise<RunningNode> {
  await using opened = new AsyncDisposableStack();
  const store = opened.adopt(state ?? openStore(config), (it) => it.close());
  const authenticator = opened.adopt(openAuthenticator(config, store.keys, logger), (it) =>
    it.close(),
  );
  if (!keysOptional) requireKeys(authenticator);
  const tls = opened.adopt(loadTls(config, logger), (it) => it?.close());
  const locator = opened.adopt(openLocator(config, logger), (it) => it.close());

  const parts = createParts(config, { store, authenticator, locator, logger });
  const { door, readiness } = parts;
  const api = await createNodeApi(config, parts, logger);
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
    { apiAddress, ...parts },
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

/** Opens the databases that are configured, each named by its setting when it cannot be used. */
function openLocator({ geoipDb, asnDb }: OrchestratorConfig, logger: Logger): MmdbLocator {
  const open = (setting: string, what: string, path?: string): MmdbFile | undefined => {
    if (path === undefined) return undefined;
    const describe = `${setting}, the file ${path}`;
    return openConfigured(describe, () => new MmdbFile({ path, what, logger }));
  };
  return new MmdbLocator({
    places: open("ORCH_GEOIP_DB", "database of places", geoipDb),
    networks: open("ORCH_ASN_DB", "database of networks", asnDb),
  });
}

type Parts = ReturnType<typeof createParts>;

/** Everything behind the API: who may come in, the agents, and what runs jobs and tunnels on them. */
function createParts(
  config: OrchestratorConfig,
  base: {
    readonly store: State;
    readonly authenticator: Authenticator;
    readonly locator: MmdbLocator;
    readonly logger: Logger;
  },
) {
  const { authenticator, locator, logger, store } = base;
  const { selection: strategy, queueWaitMs, heartbeatMs, maxBodyBytes, trustProxy = [] } = config;
  const registry = new Registry({ locator, pauses: store.pauses });
  locator.follow(() => void registry.relocate());
  const selector = new Selector<AgentRecord>({ pool: registry, strategy, random: Math.random });
  const waitingLine = new WaitingLine({ registry, selector });
  const readiness: Readiness = { ready: false };
  return {
    authenticator,
    locator,
    registry,
    waitingLine,
    readiness,
    dispatcher: new Dispatcher({ waitingLine, selector, queueWaitMs, logger }),
    tunnels: new Tunnels({ waitingLine, queueWaitMs, logger }),
    door: createAgentDoor({
      authenticator,
      registry,
      heartbeatMs,
      maxBodyBytes,
      trustProxy,
      logger,
    }),
  };
}

function createNodeApi(config: OrchestratorConfig, parts: Parts, logger: Logger): Promise<Api> {
  const { authenticator: keys, registry, dispatcher, readiness } = parts;
  const connectionLimit = new ConnectionLimit();
  const metrics = createMetrics(parts, connectionLimit);
  const requireAdmin = (authorization?: string): void =>
    void authorise(keys, authorization, ["admin"]);
  return createApi({
    keys,
    jobs: new CountedJobs(dispatcher, (outcome, ms) => metrics.jobEnded(outcome, ms)),
    pool: registry,
    rules: jobRules(config),
    maxBodyBytes: config.maxBodyBytes,
    trustProxy: config.trustProxy ?? [],
    locator: parts.locator,
    version: ORCHESTRATOR_PROGRAM.version,
    logger,
    isDraining: () => !readiness.ready,
    plugins: [healthRoutes(readiness), metricsRoute({ metrics, requireAdmin })],
    connectionLimit,
  });
}

function createMetrics(parts: Parts, connections: ConnectionLimit): NodeMetrics {
  return new NodeMetrics({
    agents: parts.registry,
    jobs: parts.dispatcher,
    tunnels: parts.tunnels,
    waiting: parts.waitingLine,
    connections,
    linkCounters: () => ({ ...parts.door.counters }),
  });
}

/** What this orchestrator lets a job do. */
function jobRules(config: OrchestratorConfig): JobRules {
  return {
    timeoutMs: config.jobTimeoutMs,
    maxResponseBytes: config.maxBodyBytes,
    targets: { ports: config.targetPorts, allow: config.targetAllow ?? [] },
    geo: { places: config.geoipDb !== undefined, networks: config.asnDb !== undefined },
  };
}

function announce(config: OrchestratorConfig, { url }: BoundAddress, logger: Logger): void {
  logger.info({ url, pid: process.pid }, "Listening");
  if (config.proxyListen !== undefined && config.proxyListen !== "off") {
    logger.warn("ORCH_PROXY_LISTEN is not available yet: no proxy is listening");
  }
}
