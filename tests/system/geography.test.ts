/** Choosing exits by place and network, with real programs: agents behind relays that say where they come from. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { JobRequest } from "@porchlight/protocol/job";
import { json } from "@porchlight/testkit/api-client";
import { KEYS, startCluster, type Cluster } from "@porchlight/testkit/cluster";
import { HOMES, place, writeGeoFiles } from "@porchlight/testkit/geo-files";
import { openRaw } from "@porchlight/testkit/raw-http";
import { startTarget, type TargetServer } from "@porchlight/testkit/target-server";
import { temporaryFolder } from "@porchlight/testkit/temporary-folder";

let cluster: Cluster;
let target: TargetServer;

/** Name → where it is. */
const AGENTS = { munich: HOMES.munich, cologne: HOMES.cologne, new_york: HOMES.newYork };

before(async () => {
  cluster = await startCluster({ agents: 0, geo: true });
  target = await startTarget();
  for (const [name, address] of Object.entries(AGENTS)) {
    await cluster.startAgentAt(address, { AGENT_NAME: name, AGENT_LABELS: "line=dsl" });
  }
  await cluster.untilAvailable(3, 15_000);
});

after(async () => {
  await target[Symbol.asyncDispose]();
  await cluster[Symbol.asyncDispose]();
});

function jobWith(fields: Partial<JobRequest>): JobRequest {
  return { url: `${target.origin}/bytes/3`, ...fields };
}

/** Who serves jobs with these filters, in a few turns. */
async function servedBy(fields: Partial<JobRequest>): Promise<string> {
  const names = new Set<string>();
  for (let turn = 0; turn < 4; turn++) {
    const { exit } = await cluster.client.run(jobWith(fields));
    names.add(exit.name);
  }
  return [...names].toSorted().join(" ");
}

test("POST /v1/request: country, region, city and asn choose the exit", async () => {
  const cases: readonly [Partial<JobRequest>, string][] = [
    [{}, "cologne munich new_york"],
    [{ country: "DE" }, "cologne munich"],
    [{ country: "us" }, "new_york"],
    [{ region: "Bavaria" }, "munich"],
    [{ region: "by" }, "munich"],
    [{ region: "DE-NW" }, "cologne"],
    [{ city: "Köln" }, "cologne"],
    [{ city: "koln" }, "cologne"],
    [{ city: "new_york" }, "new_york"],
    [{ asn: 64_496 }, "cologne munich"],
    [{ country: "DE", city: "munich", asn: 64_496, labels: { line: "dsl" } }, "munich"],
    [{ country: "DE", agent: "cologne" }, "cologne"],
    [{ agent: "new_york" }, "new_york"],
  ];
  for (const [fields, names] of cases) {
    assert.equal(await servedBy(fields), names, JSON.stringify(fields));
  }
});

/** The head of the proxy's answer to a client with these parameters. */
async function proxyHead(line: "CONNECT" | "GET", parameters: string): Promise<string> {
  const { host, href } = new URL("/bytes/3", target.origin);
  const login = Buffer.from(`any-${parameters}:${KEYS.client}`).toString("base64");
  const head = `${line} ${line === "GET" ? href : host} HTTP/1.1\r\nHost: ${host}\r\n`;
  using connection = await openRaw(cluster.proxyPort);
  connection.write(`${head}Proxy-Authorization: Basic ${login}\r\n\r\n`);
  return await connection.untilText("\r\n\r\n");
}

test("the proxy: a username's country, region, city and asn choose the exit", async () => {
  const ids = new Map((await cluster.client.agents()).map(({ id, name }) => [id, name]));
  for (const [parameters, name] of [
    ["country-DE-city-k%C3%B6ln", "cologne"],
    ["cc-us", "new_york"],
    ["city-new_york", "new_york"],
    ["state-by", "munich"],
    ["asn-64498", "new_york"],
    ["cc-de-agent-munich-label-line=dsl", "munich"],
  ] as const) {
    for (const line of ["CONNECT", "GET"] as const) {
      const head = await proxyHead(line, parameters);
      const [, exit = ""] = /^Porchlight-Exit: (\S+)/im.exec(head) ?? [];
      assert.equal(ids.get(exit), name, `${line} ${parameters}\n${head}`);
    }
  }
  assert.match(await proxyHead("CONNECT", "cc-fr"), /^HTTP\/1.1 503 /);
});

test("a result's exit and the agent's view say where it is", async () => {
  const { exit } = await cluster.client.run(jobWith({ city: "koln" }));
  const seen = { country: "DE", region: "North Rhine-Westphalia", city: "Köln", asn: 64_496 };
  const { agentId, ...rest } = exit;
  assert.deepEqual(rest, { name: "cologne", ip: HOMES.cologne, ...seen });
  const view = (await cluster.client.agents()).find(({ id }) => id === agentId);
  assert.ok(view);
  const { country, region, city, asn, org } = view;
  assert.deepEqual({ country, region, city, asn, org }, { ...seen, org: "Example Telekom" });
});

test("faults A25: nobody is there: no_agent_available after the wait, and who was looked for", async () => {
  const startMs = performance.now();
  const problem = await cluster.client.fail(jobWith({ country: "FR", city: "Paris" }));
  assert.ok(performance.now() - startMs > 990, "it waits for one");
  assert.equal(problem.status, 503);
  assert.equal(problem.code, "no_agent_available");
  assert.equal(problem.detail, "No connected agent matches country FR and city Paris");
  const nowhere = await cluster.client.fail(jobWith({ country: "DE", region: "NY" }));
  assert.equal(nowhere.detail, "No connected agent matches country DE and region NY");
  // What no name is left of is nowhere, not anywhere.
  assert.equal((await cluster.client.fail(jobWith({ city: "_" }))).code, "no_agent_available");
});

test("GET /ip: the caller's country", async () => {
  const ask = async (address: string): Promise<unknown> =>
    json(await cluster.client.call({ path: "/ip", headers: { "x-forwarded-for": address } }));
  assert.deepEqual(await ask(HOMES.paris), { ip: HOMES.paris, country: "FR" });
  assert.deepEqual(await ask(HOMES.nowhere), { ip: HOMES.nowhere });
});

test("faults G15: an agent that only claims to be somewhere is not there", async () => {
  using agent = await cluster.muxAgent({
    hello: { name: "liar", country: "FR", region: "IDF", city: "Paris", asn: 64_497 } as object,
  });
  await agent.untilFrame("welcome");
  const view = (await cluster.client.agents()).find(({ name }) => name === "liar");
  assert.equal(view?.country, undefined);
  const problem = await cluster.client.fail(jobWith({ country: "FR" }));
  assert.equal(problem.code, "no_agent_available");
});

test("a new database moves an agent that stays connected, and serves a job that waits for it", async () => {
  const own = await startCluster({
    agents: 0,
    geo: true,
    orchestrator: { ORCH_QUEUE_WAIT_MS: "15000" },
  });
  await using _ = own;
  await own.startAgentAt(HOMES.munich, { AGENT_NAME: "mover" });
  await own.untilAvailable(1);
  const [before] = await own.client.agents();
  assert.equal(before?.country, "DE");
  const waiting = own.client.run(jobWith({ country: "FR" }));
  await writeGeoFiles(own.folder, {
    "203.0.113.0/26": place(["FR", "IDF", "Île-de-France"], "Paris"),
  });
  const { exit } = await waiting;
  assert.deepEqual([exit.name, exit.country, exit.city], ["mover", "FR", "Paris"]);
  const [after] = await own.client.agents();
  assert.equal(after?.connectedAt, before.connectedAt);
  // A broken one changes nothing, and is told of.
  await own.folder.write("places.mmdb", "no database");
  await own.orchestrator.logs.waitFor("database of places cannot be used", 10_000);
  assert.equal((await own.client.run(jobWith({ country: "FR" }))).exit.name, "mover");
});

test("without databases: refused at once, naming the setting", async () => {
  await using plain = await startCluster({ orchestrator: { ORCH_QUEUE_WAIT_MS: "60000" } });
  for (const [fields, setting] of [
    [{ country: "DE" }, "ORCH_GEOIP_DB"],
    [{ city: "Köln" }, "ORCH_GEOIP_DB"],
    [{ asn: 64_496 }, "ORCH_ASN_DB"],
  ] as const) {
    const problem = await plain.client.fail(jobWith(fields));
    assert.equal(problem.code, "no_agent_available");
    assert.match(problem.detail, new RegExp(`${setting} is not set`));
  }
  const { exit } = await plain.client.run(jobWith({}));
  assert.deepEqual(Object.keys(exit), ["agentId", "name", "ip"]);
  const [view] = await plain.client.agents();
  for (const field of ["country", "region", "city", "asn", "org"]) {
    assert.ok(!Object.hasOwn(view ?? {}, field), field);
  }
});

test("databases that cannot be used are wrong configuration: exit code 2, naming every setting", async () => {
  await using folder = await temporaryFolder();
  const none = await folder.write("none.mmdb", "no database");
  const { places, networks } = await writeGeoFiles(folder);
  for (const [ORCH_GEOIP_DB, ORCH_ASN_DB, message] of [
    [none, "", /Could not use ORCH_GEOIP_DB, the file \S+: It is no mmdb file$/m],
    ["", `${folder.path}/no`, /Could not use ORCH_ASN_DB, the file \S+: ENOENT/],
    [
      networks,
      "",
      /Could not use ORCH_GEOIP_DB, .+: It is a database of networks \(\S+-ASN\), and not of/,
    ],
    [
      places,
      places,
      /Could not use ORCH_ASN_DB, .+: It is a database of places \(\S+-City\), and not of/,
    ],
    [
      networks,
      none,
      /^.*Could not use ORCH_GEOIP_DB, .+\n.*Could not use ORCH_ASN_DB, .+ no mmdb file$/m,
    ],
  ] as const) {
    const started = startCluster({ agents: 0, orchestrator: { ORCH_GEOIP_DB, ORCH_ASN_DB } });
    await assert.rejects(started, (error: Error) => {
      assert.match(error.message, message);
      assert.match(String(error.cause), /ended \(2\)/);
      return true;
    });
  }
});
