import { isIP } from "node:net";
import type { IncomingMessage } from "node:http";
import type { FastifyPluginCallback } from "fastify";
import { problemDocs } from "./problem-docs.ts";

/** What the route shows, and who may see it. */
export interface MetricsRouteParts {
  readonly metrics: {
    readonly contentType: string;
    text(): Promise<string>;
  };
  /** Throws {ProxyError} unless this `Authorization` header holds an admin key. */
  readonly requireAdmin: (authorization: string | undefined) => void;
}

const SCHEMA = {
  tags: ["Health"],
  summary: "Metrics for Prometheus",
  description:
    "Takes an admin key; none from this machine itself, unless a proxy passed the call on.",
  security: [{ bearer: [] }],
  response: {
    200: {
      description: "Prometheus text format",
      content: { "text/plain": { schema: { type: "string" } } },
    },
    401: problemDocs("unauthenticated"),
    403: problemDocs("forbidden"),
  },
};

/** `GET /metrics`. */
export function metricsRoute({ metrics, requireAdmin }: MetricsRouteParts): FastifyPluginCallback {
  return (app, _options, done) => {
    app.get("/metrics", { schema: SCHEMA }, async ({ raw }, reply) => {
      if (!isFromHere(raw)) requireAdmin(raw.headers.authorization);
      return await reply.type(metrics.contentType).send(await metrics.text());
    });
    done();
  };
}

/** A proxy on this machine speaks for others, and says so. */
function isFromHere({ socket, headers }: IncomingMessage): boolean {
  if (headers["x-forwarded-for"] !== undefined || headers.forwarded !== undefined) return false;
  const address = socket.remoteAddress ?? "";
  return isIP(address) !== 0 && /^(?:::ffff:)?127\.|^::1$/.test(address);
}
