import assert from "node:assert/strict";
import { test } from "node:test";
import { ERRORS } from "@porchlight/protocol/errors";
import { JobRequest } from "@porchlight/protocol/job";
import { ApiClient, json } from "@porchlight/testkit/api-client";
import { Compile } from "typebox/compile";
import type { OpenApiDocument } from "./docs-operation.ts";
import { startApi } from "./test-fakes.ts";

/** Every `$ref` of a document. */
function referencesIn(value: unknown): string[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, member]: [string, unknown]) =>
    key === "$ref" ? [String(member)] : referencesIn(member),
  );
}

test("GET /openapi.json: version 3.1, all routes, no dangling reference", async () => {
  await using api = await startApi();
  const answer = await new ApiClient({ origin: api.origin }).call({ path: "/openapi.json" });
  assert.equal(answer.headers["content-type"], "application/json");
  const document = json(answer) as OpenApiDocument & { openapi: string };
  assert.equal(document.openapi, "3.1.0");
  assert.equal(document.info.version, "1.2.3");
  assert.deepEqual(Object.keys(document.paths).toSorted(), [
    "/agent",
    "/docs",
    "/ip",
    "/openapi.json",
    "/v1/agents",
    "/v1/agents/{id}",
    "/v1/request",
  ]);
  const references = referencesIn(document);
  assert.ok(references.length > 10);
  for (const reference of references) {
    const name = reference.replace("#/components/schemas/", "");
    assert.ok(Object.hasOwn(document.components.schemas, name), reference);
  }
  const post = document.paths["/v1/request"]?.["post"];
  assert.ok(post?.responses?.["503"]?.content?.["application/problem+json"]);
  assert.ok(post.requestBody?.content["application/json"]);
});

test("GET /openapi.json: every field of a job has a meaning, its examples are accepted", async () => {
  await using api = await startApi();
  const answer = await new ApiClient({ origin: api.origin }).call({ path: "/openapi.json" });
  const schema = (json(answer) as OpenApiDocument).components.schemas["JobRequest"];
  assert.ok(schema?.properties);
  for (const [name, field] of Object.entries(schema.properties)) {
    assert.ok((field.description ?? "").length > 5, name);
  }
  assert.ok(schema.examples);
  const shape = Compile(JobRequest);
  for (const example of schema.examples) assert.ok(shape.Check(example));
});

test("GET /docs: one page with routes, fields and every code, that loads and runs nothing", async () => {
  await using api = await startApi();
  const answer = await new ApiClient({ origin: api.origin }).call({ path: "/docs" });
  assert.equal(answer.headers["content-type"], "text/html; charset=utf-8");
  assert.match(
    String(answer.headers["content-security-policy"]),
    /default-src 'none'; style-src 'sha/,
  );
  const page = answer.body.toString();
  for (const text of ["POST /v1/request", "PATCH /v1/agents/{id}", "followRedirects", "curl"]) {
    assert.ok(page.includes(text), text);
  }
  for (const code of Object.keys(ERRORS)) assert.ok(page.includes(`<code>${code}</code>`), code);
  assert.doesNotMatch(page, /<script|src=|https?:\/\/(?!example\.com)|undefined|\[object/);
});
