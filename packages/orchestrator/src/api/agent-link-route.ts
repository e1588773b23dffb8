import { ProxyError } from "@porchlight/protocol/errors";
import type { FastifyPluginCallback } from "fastify";
import { problemAnswer } from "./problem.ts";
import { BEARER_SECURITY, problemAnswers } from "./route-docs.ts";

const SCHEMA = {
  tags: ["Agents"],
  summary: "Where agents connect",
  description:
    "A WebSocket for agents, with an agent's key. Sub-protocol `porchlight.mux.v1`, or none for JSON messages.",
  security: BEARER_SECURITY,
  response: {
    101: { description: "The link begins" },
    426: { description: "This is no WebSocket upgrade" },
    ...problemAnswers(["invalid_request", "unauthenticated", "forbidden", "overloaded"]),
  },
};

/** `GET /agent` without an upgrade: says what was expected; upgrades never come here. Source: RFC 9110 §15.5.22. */
export const agentLinkRoute: FastifyPluginCallback = (app, _options, done) => {
  app.get("/agent", { schema: SCHEMA, exposeHeadRoute: false }, (request, reply) => {
    const message = "Agents connect here, by WebSocket; no upgrade to it has arrived";
    const error = new ProxyError("invalid_request", message);
    const answer = problemAnswer(error, { requestId: request.id, status: 426 });
    void reply
      .code(426)
      .headers({ ...answer.headers, Upgrade: "websocket", Connection: "Upgrade" })
      .send(Buffer.from(answer.body));
  });
  done();
};
