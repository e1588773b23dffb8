/** Bad input at the proxy's door, as raw bytes over a real node. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { KEYS, startCluster, type Cluster } from "@porchlight/testkit/cluster";
import { openRaw, sendRaw } from "@porchlight/testkit/raw-http";
import { startTarget, type TargetServer } from "@porchlight/testkit/target-server";

let cluster: Cluster;
let target: TargetServer;

before(async () => {
  cluster = await startCluster();
  target = await startTarget();
});

after(async () => {
  await target[Symbol.asyncDispose]();
  await cluster[Symbol.asyncDispose]();
});

function basic(username: string | Buffer, key: string = KEYS.client): string {
  const bytes = Buffer.concat([Buffer.from(username), Buffer.from(`:${key}`)]);
  return `Proxy-Authorization: Basic ${bytes.toString("base64")}\r\n`;
}

const LOGIN = basic("any");

function connect(authority: string, headers = LOGIN): string {
  return `CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n${headers}\r\n`;
}

function get(url: string, headers = LOGIN, host = "example.com"): string {
  return `GET ${url} HTTP/1.1\r\nHost: ${host}\r\n${headers}\r\n`;
}

/** Fault, what is sent, the one answer's status, and what stands in it. */
type Refused = readonly [fault: string, bytes: () => string, status: number, text?: RegExp];

const REFUSED: readonly Refused[] = [
  ["P1 no key", () => get("http://example.com/", ""), 407, /Proxy-Authenticate: Basic realm=/],
  ["P1 no key, CONNECT", () => connect("example.com:443", ""), 407, /Proxy-Status: porchlight/],
  ["P1 a wrong key", () => get("http://example.com/", basic("any", "wrong")), 407],
  ["P1 a wrong key, CONNECT", () => connect("example.com:443", basic("any", "wrong")), 407],
  [
    "P1 Authorization is no substitute (CVE-2026-40910)",
    () => get("http://example.com/", LOGIN.replace("Proxy-", "")),
    407,
  ],
  ["P1 an agent's key", () => connect("example.com:443", basic("any", KEYS.agent)), 403],
  ["P2 origin form", () => get("/path"), 400, /This is a proxy/],
  ...[":443", "host", "host:0", "host:99999", "[::1", "a@b:443", `${"h".repeat(5000)}:443`].map(
    (authority) =>
      [
        `P3 CONNECT ${authority.slice(0, 12)}`,
        () => `CONNECT ${authority} HTTP/1.1\r\nHost: a\r\n${LOGIN}\r\n`,
        400,
      ] satisfies Refused,
  ),
  ...[
    "10.0.0.1",
    "0xa000001",
    "167772161",
    "012.0.0.1",
    "169.254.169.254",
    "[::ffff:10.0.0.1]",
  ].map(
    (host) =>
      [
        `P4 CONNECT ${host}`,
        () => connect(`${host}:443`),
        403,
        /target_forbidden/,
      ] satisfies Refused,
  ),
  ...["10.0.0.1", "0xa9fea9fe", "192.168.1", "[64:ff9b::a00:1]"].map(
    (host) =>
      [`P4 GET ${host}`, () => get(`http://${host}/`), 403, /target_forbidden/] satisfies Refused,
  ),
  ["P5 two Hosts", () => get("http://example.com/", `Host: b\r\n${LOGIN}`), 400],
  ["P5 no Host", () => `GET http://example.com/ HTTP/1.1\r\n${LOGIN}\r\n`, 400],
  ["P5 an empty Host", () => get("http://example.com/", LOGIN, ""), 400],
  ["P5 a Host with user-info", () => get("http://example.com/", LOGIN, "a@b"), 400],
  ["P5 a comma-joined Host", () => get("http://example.com/", LOGIN, "a, b"), 400],
  ["P5 GET *", () => get("*"), 400],
  ["P8 101 headers", () => get("http://example.com/", LOGIN + "X: y\r\n".repeat(100)), 431],
  [
    "P8 more than 16 KB",
    () => get("http://example.com/", `${LOGIN}X: ${"y".repeat(17_000)}\r\n`),
    431,
  ],
  [
    "P19 the proxy itself",
    () => get(`http://127.0.0.1:${cluster.proxyPort}/`),
    508,
    /error=proxy_loop_detected; details="loop_detected"/,
  ],
  ["P19 the proxy itself, CONNECT", () => connect(`localhost:${cluster.proxyPort}`), 508],
  [
    "an unknown parameter",
    () => connect("example.com:443", basic("any-colour-red")),
    400,
    /colour/,
  ],
  [
    "a parameter that means nothing alone",
    () => connect("example.com:443", basic("any-ttl-5m")),
    400,
    /\\"ttl\\" means nothing without/,
  ],
  ["a bad value", () => get("http://example.com/", basic("any-cc-germany")), 400, /\\"cc\\"/],
  ...["city-M\xfcnchen", "agent-caf\xe9", "label-site=\xff\xfe", "tag-\xed\xa0\x80"].map(
    (parameter) =>
      [
        `A30 no UTF-8 in a username's ${parameter.split("-", 1).join()}`,
        () => connect("example.com:443", basic(Buffer.from(`any-${parameter}`, "latin1"))),
        400,
        /\\"(?:city|agent|label|tag)\\" is not valid UTF-8/,
      ] satisfies Refused,
  ),
  [
    "A30 no UTF-8 in a username, forwarded",
    () => get("http://example.com/", basic(Buffer.from("any-city-M\xfcnchen", "latin1"))),
    400,
    /\\"city\\" is not valid UTF-8/,
  ],
  [
    "A30 a line end in a username",
    () => connect("example.com:443", basic("any-agent-a\r\nX")),
    400,
    /\\"agent\\" has control characters/,
  ],
  [
    "UTF-8 in a username",
    () => connect("example.com:443", basic("any-city-München")),
    503,
    /ORCH_GEOIP_DB/,
  ],
  [
    "a place nobody knows",
    () => connect("example.com:443", basic("a-cc-de")),
    503,
    /ORCH_GEOIP_DB/,
  ],
  ["an https URL", () => get("https://example.com/"), 400, /CONNECT/],
  ["P20 nobody there", () => connect("example.com:443", basic("a-agent-nobody")), 503],
  ["P20 an unknown name", () => connect("nobody.invalid:443"), 502, /error=dns_error/],
];

for (const [fault, bytes, status, text] of REFUSED) {
  test(`faults ${fault}: ${status}`, async () => {
    const seen = target.connections;
    using connection = await openRaw(cluster.proxyPort);
    connection.write(bytes());
    const answer = await connection.untilText("}", 8_000);
    assert.deepEqual(connection.statuses, [status], answer);
    assert.match(answer, text ?? /"code":"/);
    assert.match(answer, /Proxy-Status: porchlight; error=/);
    assert.doesNotMatch(answer, /client-secret|agent-secret/);
    assert.equal(target.connections, seen);
  });

  // The head in two pieces takes the way of Node's parser.
  if (status < 500 && !fault.startsWith("P8")) {
    test(`faults ${fault}, in two pieces: ${status}`, async () => {
      using connection = await openRaw(cluster.proxyPort);
      connection.write(bytes().slice(0, 9));
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
      connection.write(bytes().slice(9));
      const answer = await connection.untilText("}", 8_000);
      assert.deepEqual(connection.statuses, [status], answer);
    });
  }
}

const SMUGGLED = "GET http://example.com/smuggled HTTP/1.1\r\nHost: example.com\r\n\r\n";

/** Faults P6: each is a request that two readers could read in two ways. */
const AMBIGUOUS: Readonly<Record<string, string>> = {
  "Content-Length and Transfer-Encoding": "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
  "two Content-Lengths": "Content-Length: 4\r\nContent-Length: 5\r\n",
  "chunked, identity": "Transfer-Encoding: chunked, identity\r\n",
  identity: "Transfer-Encoding: identity\r\n",
  "a coding behind a vertical tab": "Transfer-Encoding: \x0bchunked\r\n",
  "a coding behind a form feed": "Transfer-Encoding:\fchunked\r\n",
  "a coding behind a no-break space": "Transfer-Encoding: \xa0chunked\r\n",
  "a coding before a tab": "Transfer-Encoding: chunked\t\r\n",
  "an empty Transfer-Encoding": "Transfer-Encoding: \r\n",
  "two Transfer-Encodings": "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
  "a bare LF": "X: y\nContent-Length: 0\r\n",
  "a CR without LF": "X: y\r\n\rX: z\r\n",
  "a folded line": "X: y\r\n z\r\n",
  "a space before the colon": "Content-Length : 4\r\n",
  "a space before the colon of a coding": "Transfer-Encoding : chunked\r\n",
};

for (const [what, headers] of Object.entries(AMBIGUOUS)) {
  test(`faults P6: ${what} is 400 and the end, with one answer`, async () => {
    const request = `POST http://example.com/ HTTP/1.1\r\nHost: example.com\r\n${LOGIN}${headers}\r\n`;
    const connection = await sendRaw(cluster.proxyPort, `${request}0\r\n\r\n${SMUGGLED}`);
    assert.deepEqual(connection.statuses, [400], connection.text);
  });
}

for (const coding of [" Chunked", "chunked", "   chunked", "\tchunked", " \t chunked "]) {
  test(`faults P6: ${JSON.stringify(coding)} behind the colon is chunked, and sent on as such`, async () => {
    using connection = await openRaw(cluster.proxyPort);
    connection.write(
      `POST ${target.origin}/digest HTTP/1.1\r\nHost: x\r\n${LOGIN}Transfer-Encoding:${coding}\r\n\r\n` +
        "3\r\nabc\r\n0\r\n\r\n",
    );
    const answer = await connection.untilText('"bytes":3');
    assert.deepEqual(connection.statuses, [200], answer);
    assert.match(answer, /Porchlight-Exit: agent_/);
    assert.equal(target.requests.at(-1)?.headers["transfer-encoding"], coding.trim());
  });
}

test("faults P1, P9: the target sees Authorization, and nothing of the proxy", async () => {
  using connection = await openRaw(cluster.proxyPort);
  connection.write(
    `GET ${target.origin}/echo?x=%7e HTTP/1.1\r\nHost: other\r\nX-B: 1\r\nx-a: 2\r\nX-B: 3\r\n` +
      `${LOGIN}Authorization: Bearer t\r\nConnection: x-hop, keep-alive\r\nX-Hop: 1\r\n` +
      "Proxy-Connection: keep-alive\r\nTE: trailers, gzip\r\n\r\n",
  );
  await connection.untilText('"body":""');
  const seen = target.requests.at(-1);
  assert.equal(seen?.path, "/echo?x=%7e");
  assert.deepEqual(seen.rawHeaders.slice(0, 8), [
    "Host",
    new URL(target.origin).host,
    "X-B",
    "1",
    "x-a",
    "2",
    "X-B",
    "3",
  ]);
  assert.equal(seen.headers.authorization, "Bearer t");
  const names = seen.rawHeaders.filter((_, index) => index % 2 === 0).join(" ");
  assert.doesNotMatch(names, /proxy|via|forwarded|x-hop|porchlight/i);
});

test("faults P7: one byte of a head per second is 408 at the deadline, and a thousand hold nobody up", async () => {
  const slow = await Promise.all(Array.from({ length: 1_000 }, () => openRaw(cluster.proxyPort)));
  try {
    for (const connection of slow) connection.write("GET http://ex");
    const startedAtMs = performance.now();
    const good = await sendRaw(
      cluster.proxyPort,
      get(`${target.origin}/status/204`, `${LOGIN}Connection: close\r\n`),
    );
    assert.deepEqual(good.statuses, [204]);
    assert.ok(performance.now() - startedAtMs < 2_000);
    const [first] = slow;
    assert.ok(first);
    const dribble = setInterval(() => first.write("a"), 1_000);
    const text = await first.untilText("408", 15_000).finally(() => clearInterval(dribble));
    assert.match(text, /^HTTP\/1\.1 408 /);
  } finally {
    for (const connection of slow) connection[Symbol.dispose]();
  }
});
