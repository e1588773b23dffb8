import type { FastifyPluginCallback } from "fastify";
import type { OpenApiDocument } from "./docs-operation.ts";
import { docsPage, DOCS_STYLE_HASH } from "./docs-page.ts";
import { NO_SECURITY } from "./route-docs.ts";

/** Nothing is loaded, run or sent; the page's own style is known by its hash. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  `style-src '${DOCS_STYLE_HASH}'`,
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

/** `GET /openapi.json` and, for people, `GET /docs`: made once, when first asked for. */
export const docsRoutes: FastifyPluginCallback = (app, _options, done) => {
  const schema = { tags: ["Health"], security: NO_SECURITY };
  let json: Buffer | undefined;
  app.get(
    "/openapi.json",
    { schema: { ...schema, summary: "This API as OpenAPI" } },
    (_, reply) => {
      json ??= Buffer.from(JSON.stringify(app.swagger()));
      return reply.type("application/json").send(json);
    },
  );
  let page: string | undefined;
  app.get("/docs", { schema: { ...schema, summary: "This API for people" } }, (_, reply) => {
    page ??= docsPage(app.swagger() as OpenApiDocument);
    return reply
      .headers({
        "Content-Security-Policy": CONTENT_SECURITY_POLICY,
        "Referrer-Policy": "no-referrer",
      })
      .type("text/html; charset=utf-8")
      .send(page);
  });
  done();
};
