import type { IncomingMessage, ServerResponse } from "node:http";
import { ERRORS, type ErrorCode } from "@porchlight/protocol/errors";
import type { FastifyPluginCallback } from "fastify";
import { BEARER_SECURITY, jsonAnswer, problemAnswers } from "./route-docs.ts";

/** Codes of parts that no job passes. */
const FOREIGN_CODES: ReadonlySet<ErrorCode> = new Set([
  "cancelled",
  "not_found",
  "method_not_allowed",
  "job_ended",
  "idempotency_key_reused",
  "rate_limited",
]);

const CODES = (Object.keys(ERRORS) as ErrorCode[]).filter((code) => !FOREIGN_CODES.has(code));

const DESCRIPTION = `Runs one job and waits for its end.

With \`"format": "raw"\` the answer is the target's own: its status, its headers without those of its connection, its
body as it comes. The answer to a HEAD job has no \`Content-Length\` of the target, and \`X-Request-Id\` is always this
call's. If the target or the agent fails in the middle, the connection breaks: a short body never looks whole.

Answers carry \`Porchlight-Job\`, \`Porchlight-Exit\` (agent id) and \`Porchlight-Attempts\` as far as they are known,
and \`Porchlight-Session: moved\` when a sticky session has left its exit.
When the caller goes away, the job is cancelled at the agent.`;

const SCHEMA = {
  tags: ["Jobs"],
  summary: "Run a job and wait",
  description: DESCRIPTION,
  security: BEARER_SECURITY,
  body: { $ref: "JobRequest#" },
  response: {
    200: {
      ...jsonAnswer("The target has answered", { $ref: "JobResult#" }),
      headers: {
        "Porchlight-Job": { type: "string", description: "Job id" },
        "Porchlight-Exit": { type: "string", description: "Id of the agent that served it" },
        "Porchlight-Attempts": { type: "integer", description: "Agents tried, that one included" },
        "Porchlight-Session": {
          type: "string",
          enum: ["moved"],
          description: "The session's exit was gone: this is another one",
        },
      },
    },
    ...problemAnswers(CODES),
  },
};

/**
 * Declares `POST /v1/request` for the OpenAPI document. Calls that reach it through the framework (by an unusual
 * spelling of the path) go to the same handler, before their body is touched.
 */
export function jobRoute(
  handle: (request: IncomingMessage, response: ServerResponse, requestId: string) => unknown,
): FastifyPluginCallback {
  return (app, _options, done) => {
    app.post("/v1/request", {
      schema: SCHEMA,
      onRequest: (request, reply) => {
        reply.hijack();
        handle(request.raw, reply.raw, request.id);
      },
      handler: () => undefined,
    });
    done();
  };
}
