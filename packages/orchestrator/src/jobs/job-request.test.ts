import assert from "node:assert/strict";
import { test } from "node:test";
import { ProxyError, type ErrorCode } from "@porchlight/protocol/errors";
import { METHODS } from "@porchlight/protocol/job";
import { parseCidrs, parsePorts } from "@porchlight/runtime/target-policy";
import { parseJobRequest, type JobOrder, type JobRules } from "./job-request.ts";

const RULES: JobRules = {
  timeoutMs: 30_000,
  maxResponseBytes: 10_485_760,
  targets: { ports: parsePorts("80,443,8080"), allow: [] },
  geo: { places: false, networks: false },
};
const ORIGIN = { jobId: "job_1", requestId: "req_1", account: "acme" };
const URL_OK = "http://example.com/";

function parse(request: unknown, rules = RULES): JobOrder {
  return parseJobRequest(request, ORIGIN, rules);
}

/** The refusal of a request; parsed from JSON text where a literal would not do. */
function refusal(request: unknown): ProxyError {
  try {
    parse(typeof request === "string" ? JSON.parse(request) : request);
  } catch (thrown) {
    if (thrown instanceof ProxyError) return thrown;
    throw thrown;
  }
  return assert.fail("It was accepted");
}

function refuses(code: ErrorCode, request: unknown, message?: RegExp): void {
  const error = refusal(request);
  assert.equal(error.code, code, error.message);
  if (message !== undefined) assert.match(error.message, message);
}

test("parseJobRequest: fills in every default", () => {
  assert.deepEqual(parse({ url: "HTTP://Example.com:80/a b#part" }), {
    job: {
      id: "job_1",
      requestId: "req_1",
      account: "acme",
      method: "GET",
      url: "http://example.com/a%20b",
      host: "example.com",
      headers: [],
      body: undefined,
      timeoutMs: 30_000,
      followRedirects: true,
      maxRedirects: 10,
      maxResponseBytes: 10_485_760,
      maxRetries: 2,
      retryUnsafe: false,
      targeting: {},
      session: undefined,
      priority: 5,
      tag: undefined,
      metadata: undefined,
    },
    format: "json",
    bodyEncoding: "base64",
  });
});

test("parseJobRequest: takes every field over", () => {
  const order = parse({
    url: URL_OK,
    method: "POST",
    headers: { "X-A": " 1 ", Accept: ["a", "b"] },
    body: "é",
    timeoutMs: 1,
    followRedirects: false,
    maxRedirects: 0,
    maxResponseBytes: 5,
    maxRetries: 5,
    retryUnsafe: true,
    labels: { site: "home" },
    agent: "kitchen",
    priority: 9,
    format: "raw",
    bodyEncoding: "utf8",
    tag: "t",
    metadata: { a: [1, { b: null }] },
  });
  const { job } = order;
  assert.deepEqual(job.headers, ["X-A", "1", "Accept", "a", "Accept", "b"]);
  assert.deepEqual(job.body, Buffer.from([0xc3, 0xa9]));
  assert.deepEqual(job.targeting, { agent: "kitchen", labels: { site: "home" } });
  assert.deepEqual([job.timeoutMs, job.maxRedirects, job.maxResponseBytes], [1, 0, 5]);
  assert.deepEqual([job.followRedirects, job.retryUnsafe, job.priority], [false, true, 9]);
  assert.deepEqual([order.format, order.bodyEncoding, job.tag], ["raw", "utf8", "t"]);
  assert.deepEqual(job.metadata, { a: [1, { b: null }] });
});

test("parseJobRequest: every method of the contract", () => {
  for (const method of METHODS) assert.equal(parse({ url: URL_OK, method }).job.method, method);
});

test("parseJobRequest: an answer that is streamed has no bound, a buffered one has", () => {
  assert.equal(parse({ url: URL_OK, format: "raw" }).job.maxResponseBytes, undefined);
  assert.equal(
    parse({ url: URL_OK, format: "raw", maxResponseBytes: 2 ** 40 }).job.maxResponseBytes,
    2 ** 40,
  );
  refuses("invalid_request", { url: URL_OK, maxResponseBytes: 2 ** 40 }, /"maxResponseBytes"/);
  refuses("invalid_request", { url: URL_OK, maxResponseBytes: 1e300, format: "raw" });
});

test("parseJobRequest: what is no object at all", () => {
  for (const text of ["null", "[]", '"text"', "5", "true"]) refuses("invalid_request", text);
});

test("faults A5: __proto__ and constructor as keys are refused wherever they stand", () => {
  for (const key of ["__proto__", "constructor", "prototype"]) {
    refuses("invalid_request", `{"url":"${URL_OK}","${key}":{"a":1}}`, new RegExp(key));
    refuses("invalid_request", `{"url":"${URL_OK}","headers":{"${key}":"1"}}`, new RegExp(key));
    refuses("invalid_request", `{"url":"${URL_OK}","metadata":{"a":[{"${key}":1}]}}`, /a\.0/);
  }
  const inert = parse(JSON.parse(`{"url":"${URL_OK}","labels":{"__proto__":"x"}}`));
  assert.equal(Object.hasOwn(inert.job.targeting.labels ?? {}, "__proto__"), true);
});

test("faults A6: an unknown field is refused by its path", () => {
  refuses("invalid_request", { url: URL_OK, foo: 1 }, /^"foo" is not a known field$/);
  refuses("invalid_request", { url: URL_OK, "a/b~c": 1 }, /^"a\/b~c" is not a known field$/);
  refuses("invalid_request", {}, /^"url" is missing$/);
  refuses("invalid_request", { url: URL_OK, headers: { "x-a": 5 } }, /^"headers\.x-a" must be a/);
  refuses("invalid_request", { url: URL_OK, headers: { a: ["x", 1] } }, /^"headers\.a/);
  refuses("invalid_request", { url: 5 }, /^"url" must be a string$/);
  refuses("invalid_request", { url: URL_OK, labels: { a: 1 } }, /^"labels\.a" must be a string$/);
});

test("what a country and a session have to be is said in words", () => {
  const country = /^"country" must be a country's two letters$/;
  refuses("invalid_request", { url: URL_OK, country: "deu" }, country);
  const session = /^"session" must be 1 to 64 letters, digits, _ \. or ~$/;
  refuses("invalid_request", { url: URL_OK, session: "a b" }, session);
});

test("parseJobRequest: fields that are not served yet say so", () => {
  const callbackUrl = "https://example.com/";
  refuses("invalid_request", { url: URL_OK, callbackUrl }, /^"callbackUrl" is not available yet$/);
});

test("parseJobRequest: takes over what is asked of routing", () => {
  const asked = { country: "de", region: "x", city: "y", asn: 1, session: "s", sessionTtl: 2 };
  const rules = { ...RULES, geo: { places: true, networks: true } };
  const { job } = parse({ url: URL_OK, ...asked, sessionStrict: true }, rules);
  assert.deepEqual(job.targeting, { country: "DE", region: "x", city: "y", asn: 1 });
  assert.deepEqual(job.session, { id: "s", ttlMs: 2_000, strict: true });
  const { session } = parse({ url: URL_OK, session: "s" }).job;
  assert.deepEqual(session, { id: "s", ttlMs: 600_000, strict: false });
});

test("parseJobRequest: a place or network that nobody here knows", () => {
  for (const place of [{ country: "de" }, { region: "x" }, { city: "x" }]) {
    refuses("no_agent_available", { url: URL_OK, ...place }, /ORCH_GEOIP_DB is not set/);
  }
  refuses("no_agent_available", { url: URL_OK, asn: 1 }, /ORCH_ASN_DB is not set/);
  refuses("invalid_request", { url: URL_OK, sessionTtl: 1 }, /"sessionTtl" means nothing without/);
  refuses("invalid_request", { url: URL_OK, sessionStrict: true }, /"sessionStrict" means nothing/);
});

test("faults A7: what the URL standard rejects", () => {
  for (const url of [
    "",
    "x",
    "/path",
    "//host",
    "http://",
    "http://a b/",
    "http://[::1",
    "http://%",
  ]) {
    const code = url === "" ? "invalid_request" : "invalid_url";
    refuses(code, { url });
  }
  refuses("invalid_request", { url: "x".repeat(8_193) });
  refuses("invalid_url", { url: `${URL_OK}?${"ä".repeat(8_000)}` }, /8192/);
});

test("faults A8: any scheme but http and https", () => {
  for (const url of [
    "ftp://example.com/",
    "file:///etc/passwd",
    "javascript:1",
    "ws://a/",
    "data:,",
  ]) {
    refuses("invalid_url", { url }, /http:\/\//);
  }
});

test("faults A9: user-info in a URL, and the password is not repeated", () => {
  for (const url of [
    "http://u@example.com/",
    "http://u:sesame@example.com/",
    "http://:sesame@a/",
  ]) {
    const error = refusal({ url });
    assert.equal(error.code, "invalid_url");
    assert.doesNotMatch(error.message, /sesame/);
  }
});

test("faults A10: methods in lower case, with line breaks, CONNECT and TRACE", () => {
  for (const method of ["get", "GET\r\nX: 1", "GET ", "CONNECT", "TRACE", "", "PROPFIND", null]) {
    refuses("invalid_request", { url: URL_OK, method }, /^"method" must be/);
  }
});

test("faults A11: header names and values that are none", () => {
  for (const name of ["a b", "a:", "a\0", "a\r", "a\n", "", "ä", "a\n\nb", "(x)"]) {
    refuses("invalid_header", { url: URL_OK, headers: { [name]: "1" } });
    const hidden = { url: URL_OK, headers: { [name]: 5 } };
    assert.ok(["invalid_header", "invalid_request"].includes(refusal(hidden).code));
  }
  for (const value of ["a\0", "a\r\nb: c", "a\nb", "a\u007f", "→", "a\u0001"]) {
    refuses("invalid_header", { url: URL_OK, headers: { "x-a": value } }, /^"headers\.x-a"/);
    refuses("invalid_header", { url: URL_OK, headers: { "x-a": ["ok", value] } });
  }
  assert.deepEqual(parse({ url: URL_OK, headers: { a: "a:b\té", b: "" } }).job.headers, [
    "a",
    "a:b\té",
    "b",
    "",
  ]);
});

test("faults A12: headers that frame the message or belong to a connection", () => {
  const names = [
    "Content-Length",
    "transfer-encoding",
    "Connection",
    "Keep-Alive",
    "TE",
    "Trailer",
  ];
  for (const name of [...names, "Upgrade", "Expect", "Proxy-Authorization", "PROXY-x", "proxy-"]) {
    refuses("invalid_header", { url: URL_OK, headers: { [name]: "1" } }, /must not be given/);
  }
});

test("faults A12: another Host than the URL's is refused, the same is left out", () => {
  for (const host of ["other.com", "example.com:81", "", "example.com, example.com"]) {
    refuses("invalid_header", { url: URL_OK, headers: { Host: host } }, /Host/);
  }
  refuses("invalid_header", { url: URL_OK, headers: { host: ["example.com", "b"] } });
  for (const host of ["example.com", "EXAMPLE.com", "example.com:80"]) {
    assert.deepEqual(parse({ url: URL_OK, headers: { Host: host } }).job.headers, []);
  }
  const order = parse({ url: "http://example.com:8080/", headers: { Host: "example.com:8080" } });
  assert.deepEqual(order.job.headers, []);
});

test("faults A12, CVE-2026-1525: one name in two spellings", () => {
  refuses("invalid_header", { url: URL_OK, headers: { "X-A": "1", "x-a": "2" } }, /given twice/);
});

test("parseJobRequest: too many and too large headers", () => {
  refuses("invalid_header", { url: URL_OK, headers: { a: "x".repeat(65_536) } }, /65536/);
  const lists = {
    a: Array.from({ length: 200 }, () => "1"),
    b: Array.from({ length: 57 }, () => "1"),
  };
  refuses("invalid_header", { url: URL_OK, headers: lists }, /256/);
});

test("faults A13: timeouts that are none", () => {
  for (const timeoutMs of ["0", "-1", "1e309", '"5"', "600001", "1.5", "null", "true", "[]"]) {
    refuses("invalid_request", `{"url":"${URL_OK}","timeoutMs":${timeoutMs}}`, /^"timeoutMs" must/);
  }
  refuses("invalid_request", { url: URL_OK, priority: 10 }, /at most 9/);
  refuses("invalid_request", { url: URL_OK, maxRedirects: -1 }, /at least 0/);
});

test("faults A14: ports that are none, and ports that are not allowed", () => {
  refuses("invalid_url", { url: "http://example.com:0/" });
  refuses("invalid_url", { url: "http://example.com:65536/" });
  for (const port of [22, 25, 8443]) {
    refuses("port_forbidden", { url: `http://example.com:${port}/` }, new RegExp(String(port)));
  }
  assert.equal(parse({ url: "https://example.com:8080/" }).job.host, "example.com:8080");
});

test("faults A15: addresses that are not public, in every spelling", () => {
  const hosts = [
    "127.0.0.1",
    "127.1",
    "2130706433",
    "0177.0.0.1",
    "0x7f.1",
    "0",
    "10.0.0.1",
    "192.168.0.1",
    "172.16.0.1",
    "169.254.169.254",
    "100.64.0.1",
    "224.0.0.1",
    "１２７.０.０.１",
    "[::1]",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "[2002:7f00:1::]",
    "[2001::1]",
    "[fe80::1]",
    "[fd00::1]",
  ];
  for (const host of hosts) refuses("target_forbidden", { url: `http://${host}/` });
  const allow = parseCidrs("127.0.0.1/32");
  const rules = { ...RULES, targets: { ...RULES.targets, allow } };
  assert.equal(parse({ url: "http://127.1/" }, rules).job.host, "127.0.0.1");
});

test("parseJobRequest: a body as text or as Base64, never both, never with GET or HEAD", () => {
  const post = { url: URL_OK, method: "POST" };
  assert.deepEqual(parse({ ...post, bodyBase64: "AP8=" }).job.body, Buffer.from([0, 255]));
  assert.equal(parse({ ...post, body: "" }).job.body?.length, 0);
  refuses("invalid_request", { ...post, body: "a", bodyBase64: "YQ==" }, /exclude each other/);
  for (const bodyBase64 of ["a", "YQ", "YQ=", "YR==", "Y Q=", "YQ==\n", "-_==", "YQ==YQ=="]) {
    refuses("invalid_request", { ...post, bodyBase64 }, /"bodyBase64"/);
  }
  for (const method of ["GET", "HEAD"]) {
    refuses("invalid_request", { url: URL_OK, method, body: "a" }, /has no body/);
    assert.equal(parse({ url: URL_OK, method, body: "" }).job.body, undefined);
  }
});

test("faults A4: metadata has bounds of depth and length", () => {
  const nested = (levels: number): string =>
    `{"url":"${URL_OK}","metadata":{"a":${"[".repeat(levels)}${"]".repeat(levels)}}}`;
  assert.ok(parse(JSON.parse(nested(7))).job.metadata);
  refuses("invalid_request", nested(8), /8 levels/);
  refuses("invalid_request", nested(100_000), /8 levels/);
  const text = "x".repeat(4_096 - '{"a":""}'.length);
  assert.ok(parse({ url: URL_OK, metadata: { a: text } }).job.metadata);
  refuses("invalid_request", { url: URL_OK, metadata: { a: `${text}x` } }, /4096/);
});

test("faults A30: hostile strings in names, labels and tags are taken as text or refused", () => {
  const hostile = ["\0", "\u202e", "../../etc", "'; DROP TABLE", "<script>", "💥", "\r\n", "%00"];
  for (const text of hostile) {
    const { job } = parse({ url: URL_OK, agent: text, tag: text, labels: { [text]: text } });
    assert.equal(job.tag, text);
  }
  const labels: unknown[] = [{ "": "x" }, { [`${"k".repeat(64)}x`]: "x" }, { "a\n": 5 }, { a: "" }];
  for (const label of labels) refuses("invalid_request", { url: URL_OK, labels: label }, /labels/);
  refuses("invalid_request", { url: URL_OK, agent: "a".repeat(65) }, /"agent"/);
});

test("faults F27: values never stand in a refusal", () => {
  const canary = "c4n4ry";
  const requests = [
    { url: `ftp://${canary}/` },
    { url: `http://${canary}:pw@example.com/` },
    { url: URL_OK, method: canary },
    { url: URL_OK, headers: { "x-a": `${canary}\n` } },
    { url: URL_OK, headers: { [`${canary}: 1`]: "1" } },
    { url: URL_OK, bodyBase64: canary, method: "POST" },
    { url: URL_OK, body: canary },
    { url: URL_OK, tag: canary.repeat(100) },
    { url: URL_OK, timeoutMs: canary },
    { url: URL_OK, session: `${canary} ` },
    { url: URL_OK, country: canary },
    { url: URL_OK, metadata: { a: canary.repeat(1_000) } },
    canary,
  ];
  for (const request of requests) {
    const value = typeof request === "string" ? JSON.stringify(request) : request;
    assert.doesNotMatch(refusal(value).message, new RegExp(canary));
  }
});
