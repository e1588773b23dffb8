import { ProxyError } from "@porchlight/protocol/errors";
import type { FastifyPluginCallback } from "fastify";
import Type from "typebox";

/** Whether new work is welcome here. */
export interface Readiness {
  readonly ready: boolean;
}

const OK = Type.Object({ status: Type.Literal("ok") });

function schemaOf(summary: string, description: string) {
  return {
    tags: ["Health"],
    security: [],
    summary,
    description,
    response: { 200: { description: "Yes", content: { "application/json": { schema: OK } } } },
  };
}

const HEALTH = schemaOf("Is it alive", "Answers as long as the process does its work at all.");
const READY = schemaOf(
  "Does it take work",
  "503 while it starts and from the moment it is told to end: a load balancer sends new calls elsewhere.",
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
