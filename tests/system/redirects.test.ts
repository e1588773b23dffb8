import assert from "node:assert/strict";
import { after, test } from "node:test";
import { bodyText } from "@porchlight/testkit/api-client";
import { startCluster } from "@porchlight/testkit/cluster";
import type { Echo } from "@porchlight/testkit/target-routes";
import { startTarget } from "@porchlight/testkit/target-server";

const cluster = await startCluster();
const target = await startTarget();
const elsewhere = await startTarget();
after(async () => {
  await target[Symbol.asyncDispose]();
  await elsewhere[Symbol.asyncDispose]();
  await cluster[Symbol.asyncDispose]();
});

/** Methods a redirect turns into: status, method before, method after. Source: RFC 9110 §15.4. */
const METHODS = [
  [301, "POST", "GET"],
  [302, "POST", "GET"],
  [303, "POST", "GET"],
  [303, "PUT", "GET"],
  [301, "GET", "GET"],
  [302, "PUT", "PUT"],
  [307, "POST", "POST"],
  [308, "PUT", "PUT"],
  [303, "HEAD", "HEAD"],
] as const;

for (const [status, before, behind] of METHODS) {
  test(`${status} turns ${before} into ${behind}`, async () => {
    const hasBody = before === "POST" || before === "PUT";
    const result = await cluster.client.run({
      url: `${target.origin}/redirect/${status}?to=/echo`,
      method: before,
      ...(hasBody ? { body: "payload", headers: { "Content-Type": "text/x-mine" } } : {}),
    });
    assert.equal(result.statusCode, 200);
    assert.equal(result.url, `${target.origin}/echo`);
    assert.equal(target.requests.at(-1)?.method, behind);
    if (behind === "HEAD") return;
    const echo = JSON.parse(bodyText(result)) as Echo;
    const keepsBody = before === behind && hasBody;
    assert.equal(Buffer.from(echo.body, "base64").toString(), keepsBody ? "payload" : "");
    assert.equal(
      target.requests.at(-1)?.headers["content-type"],
      keepsBody ? "text/x-mine" : undefined,
    );
  });
}

test("followRedirects false gives the redirect itself", async () => {
  const result = await cluster.client.run({
    url: `${target.origin}/redirect/302?to=/echo`,
    followRedirects: false,
  });
  assert.equal(result.statusCode, 302);
  assert.equal(result.headers["location"], "/echo");
  assert.equal(result.url, `${target.origin}/redirect/302?to=/echo`);
});

test("faults A18: loops and too many redirects end as too_many_redirects", async () => {
  assert.equal(
    (await cluster.client.fail({ url: `${target.origin}/loop` })).code,
    "too_many_redirects",
  );
  const four = { url: `${target.origin}/hops/4`, maxRedirects: 3 };
  assert.equal((await cluster.client.fail(four)).code, "too_many_redirects");
  const three = await cluster.client.run({ url: `${target.origin}/hops/3`, maxRedirects: 3 });
  assert.equal(three.url, `${target.origin}/echo`);
});

test("faults A18: redirects of a request body count against maxRedirects too", async () => {
  target.route("again", ({ response }) => response.writeHead(308, { location: "/again" }).end());
  const before = target.requests.length;
  const problem = await cluster.client.fail({
    url: `${target.origin}/again`,
    method: "POST",
    body: "x",
    maxRedirects: 4,
  });
  assert.equal(problem.code, "too_many_redirects");
  assert.equal(target.requests.length - before, 5);
});

test("faults A18: credentials stay with their origin", async () => {
  const headers = { Authorization: "Bearer canary", Cookie: "canary=1", "X-Kept": "yes" };
  for (const status of [302, 307]) {
    const method = status === 307 ? "POST" : "GET";
    await cluster.client.run({
      url: `${target.origin}/redirect/${status}?to=${elsewhere.origin}/echo`,
      method,
      headers,
      ...(method === "POST" ? { body: "x" } : {}),
    });
    const seen = elsewhere.requests.at(-1);
    assert.equal(seen?.headers["x-kept"], "yes");
    assert.equal(seen.headers.authorization, undefined);
    assert.equal(seen.headers.cookie, undefined);
    assert.equal(seen.headers.host, `127.0.0.1:${elsewhere.port}`);
  }
  await cluster.client.run({ url: `${target.origin}/redirect/302?to=/echo`, headers });
  assert.equal(target.requests.at(-1)?.headers.authorization, "Bearer canary");
});

test("faults A17: a redirect to another scheme is refused", async () => {
  for (const to of ["file:///etc/passwd", "ftp://127.0.0.1/", "javascript:alert(1)"]) {
    const problem = await cluster.client.fail({
      url: `${target.origin}/redirect/302?to=${encodeURIComponent(to)}`,
    });
    assert.match(problem.code, /^(?:target_protocol_error|invalid_url|target_forbidden)$/, to);
    assert.equal(problem.status >= 400 && problem.status < 600, true);
  }
});
