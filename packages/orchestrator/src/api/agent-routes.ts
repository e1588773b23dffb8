/** The pool: `GET`, `PATCH` and `DELETE /v1/agents`. */
import { ProxyError } from "@porchlight/protocol/errors";
import type { FastifyInstance, FastifyPluginCallback, onRequestHookHandler } from "fastify";
import Type from "typebox";
import { Compile } from "typebox/compile";
import { agentView, type AgentRecord } from "../agents/registry.ts";
import type { Role } from "../accounts/principal.ts";
import { shapeError } from "../jobs/job-request-shape.ts";
import { authorise, type KeyRing } from "./bearer.ts";
import type { AgentPool } from "./ports.ts";
import { BEARER_SECURITY, jsonAnswer, problemAnswers } from "./route-docs.ts";

/** Who may ask, and the agents asked about. */
export interface AgentRouteParts {
  readonly keys: KeyRing;
  readonly pool: AgentPool;
}

interface WithId {
  readonly Params: { readonly id: string };
}

const AgentChange = Type.Object(
  {
    state: Type.Enum(["paused", "active"], {
      description: "paused: no new work, also after a restart",
    }),
  },
  { additionalProperties: false, examples: [{ state: "paused" }] },
);
const AGENT_CHANGE = Compile(AgentChange);

const TAGS = ["Agents"];
const PARAMS = Type.Object({ id: Type.String({ description: "Id, or name, of the agent" }) });
const ONE_AGENT = jsonAnswer("The agent", { $ref: "Agent#" });
const READ_PROBLEMS = problemAnswers(["unauthenticated", "forbidden"]);
const ONE_PROBLEMS = problemAnswers(["unauthenticated", "forbidden", "not_found"]);

/** Routes that show the agents to clients and admins, and let admins pause and disconnect them. */
export function agentRoutes({ keys, pool }: AgentRouteParts): FastifyPluginCallback {
  const known = (id: string): AgentRecord => pool.find(id) ?? unknownAgent();
  return (app, _options, done) => {
    addReads(app, { keys, pool, known });
    addChanges(app, { keys, pool, known });
    done();
  };
}

interface Found extends AgentRouteParts {
  /** @throws {ProxyError} `not_found` */
  readonly known: (id: string) => AgentRecord;
}

function addReads(app: FastifyInstance, { keys, pool, known }: Found): void {
  const onRequest = requireRole(keys, ["client", "admin"]);
  const agents = Type.Object({ agents: Type.Array(Type.Unsafe({ $ref: "Agent#" })) });
  const list = {
    tags: TAGS,
    summary: "List the agents",
    description: "All agents this orchestrator knows, also those offline.",
    security: BEARER_SECURITY,
    response: { 200: jsonAnswer("The pool", agents), ...READ_PROBLEMS },
  };
  app.get("/v1/agents", { schema: list, onRequest }, () => ({ agents: pool.views() }));
  const one = {
    tags: TAGS,
    summary: "Look at one agent",
    security: BEARER_SECURITY,
    params: PARAMS,
    response: { 200: ONE_AGENT, ...ONE_PROBLEMS },
  };
  app.get<WithId>("/v1/agents/:id", { schema: one, onRequest }, ({ params }) =>
    agentView(known(params.id)),
  );
}

function addChanges(app: FastifyInstance, { keys, pool, known }: Found): void {
  const onRequest = requireRole(keys, ["admin"]);
  const change = {
    tags: TAGS,
    summary: "Pause or activate an agent",
    description: "A paused agent finishes what it runs and gets no new work.",
    security: BEARER_SECURITY,
    params: PARAMS,
    body: AgentChange,
    response: {
      200: ONE_AGENT,
      ...ONE_PROBLEMS,
      ...problemAnswers(["invalid_request", "unsupported_media_type"]),
    },
  };
  app.patch<WithId>("/v1/agents/:id", { schema: change, onRequest }, ({ params, body }) => {
    if (!AGENT_CHANGE.Check(body)) throw shapeError(AGENT_CHANGE.Errors(body));
    const { id } = known(params.id);
    const changed = body.state === "paused" ? pool.pause(id) : pool.activate(id);
    return agentView(changed ?? unknownAgent());
  });
  const end = {
    tags: TAGS,
    summary: "Disconnect an agent",
    description:
      "Closes its link; what runs there fails. The agent may come back: revoke its key to keep it out.",
    security: BEARER_SECURITY,
    params: PARAMS,
    response: { 200: ONE_AGENT, ...ONE_PROBLEMS },
  };
  app.delete<WithId>("/v1/agents/:id", { schema: end, onRequest }, ({ params }) =>
    agentView(pool.disconnect(known(params.id).id) ?? unknownAgent()),
  );
}

/** Judges the key before anything of the body is read. */
function requireRole(keys: KeyRing, roles: readonly Role[]): onRequestHookHandler {
  return (request, _reply, done) => {
    authorise(keys, request.headers.authorization, roles);
    done();
  };
}

function unknownAgent(): never {
  throw new ProxyError("not_found", "There is no such agent");
}
