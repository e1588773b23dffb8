/** Puts the rooms together: the only file that names concrete adapters. */
import { ProxyError } from "@porchlight/protocol/errors";
import type { Logger } from "@porchlight/runtime/logger";
import type { Authenticator } from "./accounts/authenticator.ts";
import { CountedJobs } from "./admin/counted-jobs.ts";
import { healthRoutes } from "./admin/health-routes.ts";
import { metricsRoute } from "./admin/metrics-route.ts";
import { NodeMetrics } from "./admin/metrics.ts";
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
import { Affinities } from "./routing/affinities.ts";
import { Pacing } from "./routing/pacing.ts";
import { Selector } from "./routing/selector.ts";
import { RunningNode, type Readiness } from "./running-node.ts";
import { loadTls, openAuthenticator, requireKeys } from "./start-checks.ts";
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
 * @throws {StartError} when store, keys, certificate or address cannot be used
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

  const parts = createParts(config, { store, authenticator, logger });
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

type Parts = ReturnType<typeof createParts>;

/** Everything behind the API: who may come in, the agents, and what runs jobs and tunnels on them. */
function createParts(
  config: OrchestratorConfig,
  base: { readonly store: State; readonly authenticator: Authenticator; readonly logger: Logger },
) {
  const { authenticator, logger, store } = base;
  const { selection: strategy, queueWaitMs, heartbeatMs, maxBodyBytes, trustProxy = [] } = config;
  const registry = new Registry({ pauses: store.pauses });
  const pacing = pacingOf(config);
  const selector = new Selector({ pool: registry, strategy, random: Math.random, pacing });
  const affinities = new Affinities<AgentRecord>();
  const waitingLine = new WaitingLine({ registry, selector });
  const readiness: Readiness = { ready: false };
  return {
    authenticator,
    registry,
    selector,
    affinities,
    waitingLine,
    readiness,
    dispatcher: new Dispatcher({ waitingLine, selector, affinities, queueWaitMs, logger }),
    tunnels: new Tunnels({ waitingLine, selector, affinities, queueWaitMs, logger }),
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

function pacingOf({
  pacePerSecond: perSecond,
  paceConcurrent: concurrent,
}: OrchestratorConfig): Pacing<AgentRecord> | undefined {
  if (perSecond === undefined && concurrent === undefined) return undefined;
  return new Pacing({ perSecond, concurrent });
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
    affinities: parts.affinities,
    health: parts.selector.health,
    linkCounters: () => ({ ...parts.door.counters }),
  });
}

/** What this orchestrator lets a job do. */
function jobRules(config: OrchestratorConfig): JobRules {
  return {
    timeoutMs: config.jobTimeoutMs,
    maxResponseBytes: config.maxBodyBytes,
    targets: { ports: config.targetPorts, allow: config.targetAllow ?? [] },
    geo: { places: false, networks: false },
  };
}

function announce(config: OrchestratorConfig, { url }: BoundAddress, logger: Logger): void {
  logger.info({ url, pid: process.pid }, "Listening");
  if (config.proxyListen !== undefined && config.proxyListen !== "off") {
    logger.warn("ORCH_PROXY_LISTEN is not available yet: no proxy is listening");
  }
}
