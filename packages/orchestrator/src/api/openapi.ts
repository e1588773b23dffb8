/** The OpenAPI 3.1 document, made from the routes' schemas. */
import swagger from "@fastify/swagger";
import type { FastifyInstance } from "fastify";
import { jobRequestSchema } from "./job-request-docs.ts";
import { agentSchema, errorCodeSchema, jobResultSchema, problemSchema } from "./schemas.ts";

const DESCRIPTION = `Sends HTTP requests out through agents on home connections.

Every call takes \`Authorization: Bearer KEY\` unless it says otherwise. JSON in, JSON out; unknown fields are refused.
Every answer has an \`X-Request-Id\`: the caller's own if it is 1 to 64 of \`A-Z a-z 0-9 . _ -\`, else a new one.
Failures are \`application/problem+json\` (RFC 9457).`;

const SCHEMAS = [jobRequestSchema, jobResultSchema, agentSchema, problemSchema, errorCodeSchema];

/** Collects the routes that are added from now on; `app.swagger()` gives the document once the app is ready. */
export async function collectOpenApi(app: FastifyInstance, version: string): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: "3.1.0",
      info: { title: "Porchlight", version, description: DESCRIPTION },
      components: {
        securitySchemes: {
          bearer: {
            type: "http",
            scheme: "bearer",
            description:
              "A client key runs jobs and sees the pool; an admin key sees and changes the pool.",
          },
        },
      },
      tags: [
        { name: "Jobs", description: "Requests through agents" },
        { name: "Agents", description: "The pool" },
        { name: "Health", description: "For load balancers, monitoring and curiosity" },
      ],
    },
    refResolver: { buildLocalReference: ({ $id }) => (typeof $id === "string" ? $id : "") },
  });
  for (const schema of SCHEMAS) {
    app.addSchema(schema);
  }
}
