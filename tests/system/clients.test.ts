/** Real clients, as examples/clients has them, through the proxy to HTTP, HTTPS and WebSocket targets. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { after, before, suite, test } from "node:test";
import { testCertificate } from "@porchlight/testkit/certificate";
import { KEYS, startCluster, type Cluster } from "@porchlight/testkit/cluster";
import {
  startTarget,
  type SeenRequest,
  type TargetServer,
} from "@porchlight/testkit/target-server";
import { ProxyAgent, WebSocket } from "undici";
import { skipWithout, TOOLS } from "../../scripts/system-tools.ts";
import { EXAMPLE_CLIENTS, type ExampleClient } from "./clients/example-clients.ts";
import { runExample, trustIn, type ExampleEnd } from "./clients/run-example.ts";

/** What neither the proxy nor a client may tell a target. */
const PRIVATE = /^(?:proxy-.*|via|forwarded|x-forwarded-.*|porchlight-.*)$/i;

const WRONG_KEY = "wrong-secret-0123456789";

let cluster: Cluster;
let tlsCluster: Cluster;
let http: TargetServer;
let https: TargetServer;
let trust: Record<string, string>;

const started = new AsyncDisposableStack();

before(async () => {
  cluster = started.use(await startCluster());
  tlsCluster = started.use(await startCluster({ tls: true }));
  http = started.use(await startTarget());
  https = started.use(await startTarget({ tls: true }));
  trust = await trustIn(await testCertificate(), cluster.folder.path);
  https.route("page", ({ response, parameter }) => {
    const [type, body] = PAGE[parameter] ?? ["text/plain", ""];
    response.setHeader("content-type", type).end(body);
  });
});

after(() => started.disposeAsync());

/** A page, and what it is made of. */
const PAGE: Readonly<Record<string, readonly [type: string, body: string]>> = {
  "index.html": [
    "text/html",
    '<link rel="stylesheet" href="style.css"><img src="image.svg"><p></p><script src="script.js"></script>',
  ],
  "style.css": ["text/css", "p { color: green }"],
  "image.svg": ["image/svg+xml", '<svg xmlns="http://www.w3.org/2000/svg"/>'],
  "script.js": [
    "text/javascript",
    'fetch("data.txt").then((r) => r.text()).then((t) => (document.querySelector("p").textContent = t));',
  ],
  "data.txt": ["text/plain", "all of it arrived"],
};

/** By its name: where TLS wants a name, axios and undici take no address. */
function urlOf(target: TargetServer, path: string, scheme?: "ws" | "wss"): string {
  const url = new URL(path, target.origin.replace("127.0.0.1", "localhost"));
  return scheme === undefined ? url.href : url.href.replace(/^https?/, scheme);
}

/** The proxy as the example wants it, and by its name for the same reason. */
function proxyOf(by: Cluster, form: ExampleClient["proxy"], key: string): string {
  const url = by.proxyUrl().replace("127.0.0.1", "localhost").replace(KEYS.client, key);
  if (form === "origin") return new URL(url).origin;
  if (form === "host") return new URL(url).host;
  return form === "socks-url" ? url.replace("http:", "socks5h:") : url;
}

function run(
  { file, proxy }: ExampleClient,
  { url, key = KEYS.client, by = cluster }: { url: string; key?: string; by?: Cluster },
): Promise<ExampleEnd> {
  return runExample(file, { ...trust, PROXY: proxyOf(by, proxy, key), KEY: key, URL: url });
}

/** Names of a request's headers that its target should not have got. */
function leaksOf({ rawHeaders }: SeenRequest): string[] {
  return rawHeaders.filter((name, index) => index % 2 === 0 && PRIVATE.test(name));
}

/** Runs the example and judges what it printed and what the target saw. */
async function reach(client: ExampleClient, target: TargetServer, by: Cluster): Promise<void> {
  const known = target.requests.length;
  const { code, output } = await run(client, { url: urlOf(target, "/echo"), by });
  assert.equal(code, 0, output);
  assert.match(output, /\b200\b/);
  assert.match(output, /"path":"\/echo"/);
  if (client.shows === "exit") assert.match(output, /^porchlight-exit: \S/im);
  const seen = target.requests.slice(known);
  assert.equal(seen.length, 1);
  assert.equal(seen[0]?.method, client.posts ? "POST" : "GET");
  assert.equal(seen[0].bodyBytes > 0, client.posts ?? false);
  // Inside its own TLS wget says Proxy-Connection, where no proxy can take it away.
  if (client.file !== "wget.sh" || target === http) assert.deepEqual(leaksOf(seen[0]), []);
}

for (const client of EXAMPLE_CLIENTS) {
  const { file, needs, overTls, proxy = "url", refused = /\b407\b/ } = client;
  const skip = needs !== undefined && skipWithout(needs);
  suite(`examples/clients/${file}, proxy as ${proxy}`, { skip }, () => {
    test("reaches an http target", () => reach(client, http, cluster));
    test("reaches an https target", () => reach(client, https, cluster));
    test("says that a wrong key is refused, and no target hears of it (faults P1)", async () => {
      const known = https.requests.length;
      const { output } = await run(client, { url: urlOf(https, "/echo"), key: WRONG_KEY });
      assert.match(output, refused);
      assert.equal(https.requests.length, known);
    });
    if (overTls !== true) return;
    test("reaches an http target over a proxy that speaks TLS", () =>
      reach(client, http, tlsCluster));
    test("reaches an https target over a proxy that speaks TLS", () =>
      reach(client, https, tlsCluster));
  });
}

suite("WebSockets", () => {
  const websocket: ExampleClient = { file: "websocket.ts" };

  test("examples/clients/websocket.ts: ws through an upgrade, wss through CONNECT (faults P12)", async () => {
    for (const [target, scheme] of [
      [http, "ws"],
      [https, "wss"],
    ] as const) {
      const { code, output } = await run(websocket, { url: urlOf(target, "/any", scheme) });
      assert.equal(code, 0, output);
      assert.equal(output.trim(), "hello");
      assert.deepEqual(leaksOf(target.requests.at(-1)!), []);
    }
  });

  test("undici: ws through CONNECT (faults P12)", async () => {
    const dispatcher = new ProxyAgent({ uri: cluster.proxyUrl(), proxyTunnel: true });
    const socket = new WebSocket(urlOf(http, "/any", "ws"), { dispatcher });
    await once(socket, "open");
    socket.send("tunnelled");
    const [{ data }] = (await once(socket, "message")) as [{ readonly data: string }];
    assert.equal(data, "tunnelled");
    assert.deepEqual(leaksOf(http.requests.at(-1)!), []);
    socket.close();
    await once(socket, "close");
    await dispatcher.close();
  });

  test("examples/clients/websocket.ts fails with a wrong key (faults P1)", async () => {
    const { code } = await run(websocket, { url: urlOf(https, "/any", "wss"), key: WRONG_KEY });
    assert.equal(code, 1);
  });
});

suite("examples/clients/playwright.ts", { skip: skipWithout(TOOLS.chromium) }, () => {
  const browser: ExampleClient = { file: "playwright.ts" };

  async function load(by: Cluster): Promise<void> {
    const known = https.requests.length;
    const { code, output } = await run(browser, { url: urlOf(https, "/page/index.html"), by });
    assert.equal(code, 0, output);
    assert.equal(output.trim(), "200 all of it arrived");
    const seen = https.requests.slice(known);
    const parts = new Set(seen.map(({ path }) => path.replace("/page/", "")));
    assert.deepEqual(new Set(Object.keys(PAGE)).difference(parts), new Set());
    assert.deepEqual(seen.flatMap(leaksOf), []);
  }

  test("loads a page over HTTPS with all it is made of", () => load(cluster));
  test("loads it over a proxy that speaks TLS", () => load(tlsCluster));
  test("shows nothing with a wrong key (faults P1)", async () => {
    const known = https.requests.length;
    const { code } = await run(browser, { url: urlOf(https, "/page/index.html"), key: WRONG_KEY });
    assert.equal(code, 1);
    assert.equal(https.requests.length, known);
  });
});
