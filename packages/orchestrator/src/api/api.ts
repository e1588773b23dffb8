/** The door of the HTTP API: the hot route on bare node:http, every other one in the framework. */
import type { IncomingMessage, RequestListener, Server, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { ProxyError } from "@porchlight/protocol/errors";
import type { Logger } from "@porchlight/runtime/logger";
import type { CidrList } from "@porchlight/runtime/target-policy";
import type { FastifyInstance, FastifyPluginCallback } from "fastify";
import { createId } from "@porchlight/runtime/ids";
import { askForBody, closing, send, sendOnSocket } from "../http/answer.ts";
import { ClientErrors } from "../http/client-errors.ts";
import { ConnectionLimit } from "../http/connection-limit.ts";
import { requestIdOf } from "../http/request-id.ts";
import type { JobRules } from "../jobs/job-request.ts";
import { NO_LOCATOR, type Locator } from "../agents/location.ts";
import { agentLinkRoute } from "./agent-link-route.ts";
import { agentRoutes } from "./agent-routes.ts";
import type { KeyRing } from "./bearer.ts";
import { docsRoutes } from "./docs-routes.ts";
import { judgeHostHeader } from "./host-check.ts";
import { createHttpApp } from "./http-app.ts";
import { ipRoute } from "./ip-route.ts";
import { jobRoute } from "./job-docs-route.ts";
import { JobRoute } from "./job-route.ts";
import { collectOpenApi } from "./openapi.ts";
import type { AgentPool, JobRunner } from "./ports.ts";
import { problemAnswer } from "./problem.ts";

/** What the API stands on, and its bounds. */
export interface ApiOptions {
  readonly keys: KeyRing;
  readonly jobs: JobRunner;
  readonly pool: AgentPool;
  readonly rules: JobRules;
  /** Largest body of a job request. */
  readonly maxBodyBytes: number;
  /** Proxies whose `X-Forwarded-For` is believed. */
  readonly trustProxy: CidrList;
  /** Where callers are; default: nobody knows. */
  readonly locator?: Locator;
  /** Of this program. */
  readonly version: string;
  readonly logger: Pick<Logger, "debug" | "error">;
  /** Whether this node is leaving: connections are closed after their next answer. */
  isDraining(): boolean;
  /** Routes of other rooms. */
  readonly plugins?: readonly FastifyPluginCallback[];
  /** Default: one by this process's descriptors. */
  readonly connectionLimit?: ConnectionLimit;
  /** How long a client may take to send a job request. Default 30,000 ms. */
  readonly bodyDeadlineMs?: number;
}

/** The API, ready to be put behind one server or several. */
export interface Api {
  /** Takes the `request` events of a server. */
  readonly handle: RequestListener;
  /** Lets a server answer what is no good request too, and keeps its connections within the descriptors. */
  protect(server: Server): void;
  /** Ends the framework; calls under way go on. */
  close(): Promise<void>;
}

/** Makes the API; nothing is listened on. */
export async function createApi(options: ApiOptions): Promise<Api> {
  const { keys, pool, logger, trustProxy, locator = NO_LOCATOR } = options;
  const { connectionLimit = new ConnectionLimit() } = options;
  const jobs = new JobRoute({ ...options, isOverloaded: () => connectionLimit.isExceeded });
  const app = createHttpApp({ logger });
  await collectOpenApi(app, options.version);
  const plugins = [
    jobRoute((...call) => jobs.handle(...call)),
    agentRoutes({ keys, pool }),
    agentLinkRoute,
    ipRoute({ trustProxy, locator }),
    docsRoutes,
    ...(options.plugins ?? []),
  ];
  for (const plugin of plugins) await app.register(plugin);
  await app.ready();
  return new HttpApi({ app, jobs, connectionLimit, isDraining: () => options.isDraining() });
}

interface HttpApiParts {
  readonly app: FastifyInstance;
  readonly jobs: JobRoute;
  readonly connectionLimit: ConnectionLimit;
  isDraining(): boolean;
}

const JOB_PATH = "/v1/request";

class HttpApi implements Api {
  readonly #parts: HttpApiParts;
  readonly #clientErrors = new ClientErrors((error, status) =>
    problemAnswer(error, { requestId: createId("req"), status }),
  );

  constructor(parts: HttpApiParts) {
    this.#parts = parts;
  }

  readonly handle = (request: IncomingMessage, response: ServerResponse): void => {
    this.#clientErrors.follow(response);
    if (this.#parts.isDraining()) response.setHeader("Connection", "close");
    const flaw = judgeHostHeader(request);
    if (flaw !== undefined) {
      const context = { requestId: requestIdOf(request) };
      send(response, closing(problemAnswer(flaw, context)));
      return;
    }
    const { method, url = "" } = request;
    if (method === "POST" && (url === JOB_PATH || url.startsWith(`${JOB_PATH}?`))) {
      void this.#parts.jobs.handle(request, response, requestIdOf(request));
      return;
    }
    askForBody(response);
    this.#parts.app.routing(request, response);
  };

  protect(server: Server): void {
    this.#parts.connectionLimit.watch(server);
    // The body is asked for once the head has been judged (faults A3).
    server.on("checkContinue", this.handle);
    server.on("checkExpectation", this.handle);
    server.on("clientError", this.#clientErrors.answer);
    server.on("connect", refuseConnect);
  }

  async close(): Promise<void> {
    await this.#parts.app.close();
  }
}

function refuseConnect(request: IncomingMessage, socket: Duplex): void {
  socket.on("error", () => socket.destroy());
  const error = new ProxyError("method_not_allowed", "This is no proxy: it takes no CONNECT");
  const context = { requestId: requestIdOf(request), allow: ["POST"] };
  sendOnSocket(socket, closing(problemAnswer(error, context)));
}
