import { ProxyError } from "@porchlight/protocol/errors";
import type { FastifyPluginCallback } from "fastify";
import Type from "typebox";
import { problemDocs } from "./problem-docs.ts";

/** Whether new work is welcome here. */
export interface Readiness {
  readonly ready: boolean;
}

const OK = Type.Object({ status: Type.Literal("ok") });

function schemaOf(summary: string, description: string, refusals: Record<string, object> = {}) {
  return {
    tags: ["Health"],
    security: [],
    summary,
    description,
    response: {
      200: { description: "Yes", content: { "application/json": { schema: OK } } },
      ...refusals,
    },
  };
}

const HEALTH = schemaOf("Is it alive", "Answers as long as the process does its work at all.");
const READY = schemaOf(
  "Does it take work",
  "503 while it starts and from the moment it is told to end: a load balancer sends new calls elsewhere.",
  { 503: problemDocs("shutting_down") },
);

/** `GET /healthz` and `GET /readyz`, open to everybody. */
export function healthRoutes(readiness: Readiness): FastifyPluginCallback {
  return (app, _options, done) => {
    app.get("/healthz", { schema: HEALTH }, () => ({ status: "ok" }));
    app.get("/readyz", { schema: READY }, () => {
      if (readiness.ready) return { status: "ok" };
      throw new ProxyError("shutting_down", "The orchestrator takes no new work");
    });
    done();
  };
}
