/** Puts the rooms together: the only file that names concrete adapters. */
import { ProxyError } from "@porchlight/protocol/errors";
import type { Logger } from "@porchlight/runtime/logger";
import type { ListenAddress } from "@porchlight/runtime/settings-parsers";
import type { Authenticator } from "./accounts/authenticator.ts";
import { CountedJobs } from "./admin/counted-jobs.ts";
import { healthRoutes } from "./admin/health-routes.ts";
import { metricsRoute } from "./admin/metrics-route.ts";
import { NodeMetrics } from "./admin/metrics.ts";
import type { MmdbContent } from "./agents/mmdb-content.ts";
import { MmdbFile } from "./agents/mmdb-file.ts";
import { MmdbLocator } from "./agents/mmdb-locator.ts";
import { Registry, type AgentRecord } from "./agents/registry.ts";
import { createApi, type Api } from "./api/api.ts";
import { authorise } from "./api/bearer.ts";
import { ORCHESTRATOR_PROGRAM, type OrchestratorConfig } from "./config.ts";
import { createAgentDoor } from "./gateway/agent-door.ts";
import { ConnectionLimit } from "./http/connection-limit.ts";
import { HttpListener, type BoundAddress } from "./http-listener.ts";
import { createForwarder } from "./ingress/forwarder.ts";
import { ProxyDoor } from "./ingress/proxy-door.ts";
import { Refusals } from "./ingress/refusals.ts";
import { Dispatcher } from "./jobs/dispatcher.ts";
import type { JobRules } from "./jobs/job-request.ts";
import { WaitingLine } from "./jobs/waiting-line.ts";
import { Affinities } from "./routing/affinities.ts";
import { Pacing } from "./routing/pacing.ts";
import { Selector } from "./routing/selector.ts";
import { RunningNode, type Readiness } from "./running-node.ts";
import { ConfiguredFiles, loadTls, openAuthenticator, requireKeys } from "./start-checks.ts";
import { StartError } from "./start-error.ts";
import { openSqliteState } from "./state/sqlite-state.ts";
import type { State } from "./state/state.ts";
import type { TlsFiles } from "./tls-files.ts";
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
  const files = new ConfiguredFiles();
  const tls = opened.adopt(loadTls(config, files, logger), (it) => it?.close());
  const locator = opened.adopt(openLocator(config, files, logger), (it) => it.close());
  files.require();

  const parts = createParts(config, { store, authenticator, locator, logger });
  const { door, readiness } = parts;
  const proxy = createProxy(config, parts, logger);
  const api = await createNodeApi(config, { ...parts, proxy: proxy?.door }, logger);
  const listener = new HttpListener({ tls, api, door, logger });
  opened.defer(() => api.close());
  // Links end before the listener does: it waits for its connections.
  opened.defer(() => listener.close());
  opened.defer(() => door.close());
  const apiAddress = await listener.open(config.listen);
  const proxyAddress = proxy && (await openProxy(proxy, { tls, logger, opened }));
  authenticator.start();
  readiness.ready = true;
  const pid = process.pid;
  logger.info({ url: apiAddress.url, pid }, "Listening");
  if (proxyAddress !== undefined) logger.info({ url: proxyAddress.url, pid }, "Proxy listening");
  return new RunningNode(
    { apiAddress, proxyAddress, ...parts },
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
function openLocator(
  { geoipDb, asnDb }: OrchestratorConfig,
  files: ConfiguredFiles,
  logger: Logger,
): MmdbLocator {
  const open = (setting: string, content: MmdbContent, path?: string): MmdbFile | undefined => {
    if (path === undefined) return undefined;
    const what = `${setting}, the file ${path}`;
    return files.open(what, () => new MmdbFile({ path, content, logger }));
  };
  return new MmdbLocator({
    places: open("ORCH_GEOIP_DB", "places", geoipDb),
    networks: open("ORCH_ASN_DB", "networks", asnDb),
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
  const pacing = pacingOf(config);
  const selector = new Selector({ pool: registry, strategy, random: Math.random, pacing });
  const affinities = new Affinities<AgentRecord>();
  const waitingLine = new WaitingLine({ registry, selector });
  const readiness: Readiness = { ready: false };
  return {
    authenticator,
    locator,
    registry,
    selector,
    affinities,
    waitingLine,
    readiness,
    connectionLimit: new ConnectionLimit(),
    dispatcher: new Dispatcher({ waitingLine, selector, affinities, queueWaitMs, logger }),
    tunnels: new Tunnels({
      waitingLine,
      selector,
      affinities,
      queueWaitMs,
      idleMs: config.tunnelIdleMs,
      logger,
    }),
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

/** The proxy's door and where it is to listen. */
interface Proxy {
  readonly door: ProxyDoor;
  readonly listen: ListenAddress;
}

/** `undefined` when no proxy is wanted. */
function createProxy(config: OrchestratorConfig, parts: Parts, logger: Logger): Proxy | undefined {
  const { proxyListen: listen } = config;
  if (listen === "off") return undefined;
  const { authenticator: keys, tunnels, connectionLimit, readiness } = parts;
  const { targets, geo } = jobRules(config);
  // Waiting for an agent and connecting have a bound each; a job's deadline is longer than both.
  const openTimeoutMs = config.jobTimeoutMs;
  const refusals = new Refusals();
  const forwarder = createForwarder({
    tunnels,
    refusals,
    targets,
    openTimeoutMs,
    // An idle tunnel ends without saying whose fault it is (faults F11).
    headTimeoutMs: Math.min(config.jobTimeoutMs, config.tunnelIdleMs),
    logger,
  });
  const door = new ProxyDoor({
    keys,
    tunnels,
    forwarder,
    refusals,
    rules: { targets, geo, openTimeoutMs },
    caps: {
      perAddress: config.proxyConnectionsPerAddress,
      perKey: config.proxyConnectionsPerKey,
    },
    connectionLimit,
    listenHost: listen.host,
    logger,
    isDraining: () => !readiness.ready,
  });
  return { door, listen };
}

interface ProxyOpening {
  readonly tls: TlsFiles | undefined;
  readonly logger: Logger;
  /** What ends with the node. */
  readonly opened: AsyncDisposableStack;
}

async function openProxy(
  { door, listen }: Proxy,
  { tls, logger, opened }: ProxyOpening,
): Promise<BoundAddress> {
  // A body may be sent for as long as something passes.
  const listener = new HttpListener({ tls, api: door, door, logger, requestTimeoutMs: 0 });
  opened.defer(() => door.close());
  // First: what has just been answered, or cut, leaves before the door ends all connections (faults F3).
  opened.defer(() => listener.close());
  return listener.open(listen);
}

type ApiParts = Parts & { readonly proxy: ProxyDoor | undefined };

function createNodeApi(config: OrchestratorConfig, parts: ApiParts, logger: Logger): Promise<Api> {
  const { authenticator: keys, registry, dispatcher, readiness, connectionLimit } = parts;
  const metrics = createMetrics(parts);
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

function createMetrics(parts: ApiParts): NodeMetrics {
  return new NodeMetrics({
    agents: parts.registry,
    jobs: parts.dispatcher,
    tunnels: parts.tunnels,
    waiting: parts.waitingLine,
    connections: parts.connectionLimit,
    proxy: parts.proxy,
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
    geo: { places: config.geoipDb !== undefined, networks: config.asnDb !== undefined },
  };
}
