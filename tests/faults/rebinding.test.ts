/**
 * Names that lead into a home, asked for from outside in every way there is: their server answers as it likes,
 * and elsewhere each time. Only the operating system's resolver is replaced; all the rest is real.
 */
import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { networkInterfaces } from "node:os";
import { after, test } from "node:test";
import type { JobResult, Problem } from "@porchlight/protocol/job";
import { bodyText, json } from "@porchlight/testkit/api-client";
import { startCluster } from "@porchlight/testkit/cluster";
import {
  connectHead,
  forwardHead,
  SOCKS_GREETING,
  socksLogin,
  socksName,
  socksRequest,
} from "@porchlight/testkit/proxy-client";
import { openRaw, type RawConnection } from "@porchlight/testkit/raw-http";
import type { NameScript } from "@porchlight/testkit/scripted-names";
import { startTarget } from "@porchlight/testkit/target-server";
import { until } from "@porchlight/testkit/until";

/** The agent's operator allows it; every other address that is not public belongs to the home. */
const ALLOWED = "127.0.0.2";
const HOME = "127.0.0.1";

/** What a name resolves to, and what requests for it end with, one after the other. */
interface Case {
  readonly what: string;
  /** One for each look-up. */
  readonly answers: readonly (readonly string[])[];
  /** The address reached, or `forbidden`; each takes one look-up. */
  readonly ends: readonly string[];
}

const NOT_PUBLIC: readonly string[] = [
  HOME,
  "127.255.255.254",
  "0.0.0.0",
  "10.0.0.1",
  "172.16.0.1",
  "192.168.1.1",
  "100.64.0.1",
  "169.254.169.254",
  "224.0.0.1",
  "255.255.255.255",
  "::",
  "::1",
  "fe80::1",
  "fe80::1%lo",
  "fd00::1",
  "ff02::1",
  // What the home's can hide in: mapped, compatible, NAT64, 6to4, Teredo.
  `::ffff:${HOME}`,
  "::ffff:7f00:1",
  "::7f00:1",
  "64:ff9b::7f00:1",
  "2002:7f00:1::",
  "2001:0:7f00:1::",
  ...addresses("network"),
];

const CASES: readonly Case[] = [
  ...NOT_PUBLIC.map((address) => refused(address, [address])),
  ...NOT_PUBLIC.map((address) => refused(`${address} behind an allowed one`, [ALLOWED, address])),
  refused(`${HOME} before an allowed one`, [HOME, ALLOWED]),
  refused(`${HOME} behind more than are tried`, [...Array<string>(8).fill(ALLOWED), HOME]),
  refused("localhost, through a CNAME", ["localhost"]),
  {
    what: "an allowed address at first, and then the home's",
    answers: [[ALLOWED], [HOME]],
    ends: [ALLOWED, "forbidden"],
  },
  {
    what: "an allowed address at first, and then the home's beside it",
    answers: [[ALLOWED], [ALLOWED, HOME]],
    ends: [ALLOWED, "forbidden"],
  },
  {
    what: "the home's address at first, and then an allowed one",
    answers: [[HOME], [ALLOWED]],
    ends: ["forbidden", ALLOWED],
  },
];

/** Asks for `/where` at a name; gives the address reached, or `forbidden` when that is what the client is told. */
type Form = (name: string) => Promise<string>;

const FORMS: Readonly<Record<string, Form>> = {
  GET: async (name) => {
    using client = await openRaw(cluster.proxyPort);
    client.write(forwardHead(`http://${name}:${target.port}/where`, "Connection: close\r\n"));
    await client.untilEnd();
    return isForbidden(client) ? "forbidden" : bodyOf(client);
  },
  CONNECT: async (name) => {
    using client = await openRaw(cluster.proxyPort);
    client.write(connectHead(`${name}:${target.port}`));
    await client.untilText("\r\n\r\n");
    return isForbidden(client) ? "forbidden" : await askInTunnel(client);
  },
  SOCKS5: async (name) => {
    using client = await openRaw(cluster.proxyPort);
    const request = socksRequest(socksName(name), target.port);
    client.write(Buffer.concat([SOCKS_GREETING, socksLogin(), request]));
    await until("a reply", () => client.received.length >= 14);
    const reply = client.received.toString("hex");
    return reply === "0502010005020001000000000000" ? "forbidden" : await askInTunnel(client);
  },
  "POST /v1/request": async (name) => {
    const answer = await cluster.client.post({ url: `http://${name}:${target.port}/where` });
    if (answer.status === 200) return bodyText(json(answer) as JobResult);
    assert.equal((json(answer) as Problem).code, "target_forbidden");
    return "forbidden";
  },
};

const [REDIRECTING, REDIRECTED, KEPT] = ["redirecting", "redirected", "kept"].map(
  (label) => `${label}.rebinding.example`,
) as [string, string, string];

const names: NameScript = {
  ...Object.fromEntries(
    CASES.flatMap(({ answers }, index) =>
      Object.keys(FORMS).map((form) => [nameOf(index, form), answers]),
    ),
  ),
  [REDIRECTING]: [[ALLOWED], [HOME]],
  [REDIRECTED]: [[HOME]],
  [KEPT]: [[ALLOWED], [HOME]],
};

const resolver = { FAULT_NAMES: JSON.stringify(names) };
const cluster = await startCluster({
  orchestrator: { ORCH_TARGET_ALLOW: "0.0.0.0/0,::/0", ...resolver },
  agent: { AGENT_TARGET_ALLOW: `${ALLOWED}/32`, ...resolver },
});
const target = await startTarget({ host: ALLOWED });
/** What must never be reached, at the port that is asked for. */
const homes = await Promise.all(
  addresses("internal").map((host) => startTarget({ host, port: target.port })),
);
target.route("where", ({ response, socket }) => {
  response.setHeader("connection", "close");
  response.end(socket.localAddress?.replace("::ffff:", ""));
});
target.route("redirect-and-close", ({ response, url }) => {
  response.writeHead(302, { location: url.searchParams.get("to") ?? "", connection: "close" });
  response.end();
});
const used = new WeakSet<Socket>();
target.route("once-per-connection", ({ response, socket }) => {
  if (used.has(socket)) socket.destroy();
  else response.end("kept");
  used.add(socket);
});
after(async () => {
  for (const server of [target, ...homes]) await server[Symbol.asyncDispose]();
  await cluster[Symbol.asyncDispose]();
});

for (const [index, { what, ends }] of CASES.entries()) {
  test(`faults A16: a name that resolves to ${what}`, async () => {
    for (const [form, ask] of Object.entries(FORMS)) {
      const seen = target.connections;
      const ended: string[] = [];
      for (const _ of ends) ended.push(await ask(nameOf(index, form)));
      assert.deepEqual(ended, ends, form);
      const reached = ends.filter((end) => end !== "forbidden");
      assert.equal(target.connections - seen, reached.length, `${form}: connections`);
      assertHomeLeftAlone();
    }
  });
}

test("faults A16, A17: a redirect to such a name is refused, and so is one to a name that resolved well before", async () => {
  for (const next of [REDIRECTED, REDIRECTING]) {
    const seen = target.connections;
    const to = `http://${next}:${target.port}/where`;
    const from = next === REDIRECTED ? ALLOWED : REDIRECTING;
    const url = `http://${from}:${target.port}/redirect-and-close?to=${to}`;
    const problem = await cluster.client.fail({ url });
    assert.equal(problem.code, "target_forbidden");
    assert.match(problem.detail, /Redirect 1/);
    assert.equal(target.connections - seen, 1);
    assertHomeLeftAlone();
  }
});

test("faults A16: a kept connection that has gone is not replaced by one to the home", async () => {
  const seen = target.connections;
  const url = `http://${KEPT}:${target.port}/once-per-connection`;
  assert.equal((await cluster.client.run({ url })).statusCode, 200);
  const problem = await cluster.client.fail({ url });
  assert.equal(problem.code, "target_forbidden");
  assert.equal(target.connections - seen, 1);
  assertHomeLeftAlone();
});

test("faults A16: every request takes one look-up of its name, at the agent", async () => {
  await cluster[Symbol.asyncDispose]();
  const counted = new Map(Object.keys(names).map((name) => [name, 0]));
  for (const { fields } of cluster.agents[0]?.logs.lines ?? []) {
    const name = fields["lookedUp"];
    if (typeof name === "string") counted.set(name, (counted.get(name) ?? 0) + 1);
  }
  assert.deepEqual(Object.fromEntries(counted), {
    ...Object.fromEntries(
      CASES.flatMap(({ ends }, index) =>
        Object.keys(FORMS).map((form) => [nameOf(index, form), ends.length]),
      ),
    ),
    [REDIRECTING]: 2,
    [REDIRECTED]: 1,
    [KEPT]: 2,
  });
  assert.doesNotMatch(cluster.orchestrator.logs.text, /"lookedUp"/);
});

function refused(what: string, answer: readonly string[]): Case {
  return { what, answers: [answer], ends: ["forbidden"] };
}

/** Each case has a name for each form, so that its look-ups are its own. */
function nameOf(index: number, form: string): string {
  return `case-${index}.form-${Object.keys(FORMS).indexOf(form)}.example`;
}

/** Addresses of this machine: those that only itself knows it by, or those of its networks. */
function addresses(kind: "internal" | "network"): string[] {
  return Object.values(networkInterfaces())
    .flatMap((list) => list ?? [])
    .filter(({ internal, scopeid }) => internal === (kind === "internal") && !scopeid)
    .map(({ address }) => address);
}

function assertHomeLeftAlone(): void {
  assert.deepEqual(
    homes.filter(({ connections }) => connections > 0).map(({ origin }) => origin),
    [],
  );
}

function isForbidden(client: RawConnection): boolean {
  const details =
    'Proxy-Status: porchlight; error=destination_ip_prohibited; details="target_forbidden"';
  return client.statuses[0] === 403 && client.text.includes(`${details}\r\n`);
}

async function askInTunnel(client: RawConnection): Promise<string> {
  client.write("GET /where HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  await client.untilEnd();
  return bodyOf(client);
}

function bodyOf(client: RawConnection): string {
  return client.text.split("\r\n\r\n").at(-1) ?? "";
}
