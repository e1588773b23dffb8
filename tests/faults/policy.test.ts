import assert from "node:assert/strict";
import { after, test } from "node:test";
import { startCluster } from "@porchlight/testkit/cluster";
import { startTarget } from "@porchlight/testkit/target-server";

/** The agent's operator allows one loopback address; everything else that is not public stays forbidden. */
const AGENT_ALLOW = "127.0.0.2/32";

const cluster = await startCluster({
  orchestrator: { ORCH_TARGET_ALLOW: "0.0.0.0/0,::/0" },
  agent: { AGENT_TARGET_ALLOW: AGENT_ALLOW },
});
/** What the home network must never see a packet of. */
const home = await startTarget();
const allowed = await startTarget({ host: "127.0.0.2" });
after(async () => {
  await home[Symbol.asyncDispose]();
  await allowed[Symbol.asyncDispose]();
  await cluster[Symbol.asyncDispose]();
});

test("faults A16: a name that resolves to a private address is refused by the agent", async () => {
  const problem = await cluster.client.fail({ url: `http://localhost:${home.port}/echo` });
  assert.equal(problem.code, "target_forbidden");
  assert.equal(problem.status, 403);
  assert.equal(home.connections, 0);
});

test("faults A16: literal addresses are refused by the agent, whatever the orchestrator allows", async () => {
  for (const host of [
    "127.0.0.1",
    "0.0.0.0",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "2130706433",
    "0x7f.1",
  ]) {
    const problem = await cluster.client.fail({ url: `http://${host}:${home.port}/echo` });
    assert.equal(problem.code, "target_forbidden", host);
  }
  assert.equal(home.connections, 0);
});

test("faults A17: a redirect to a private address is refused and names the hop", async () => {
  const first = `${allowed.origin}/redirect/302?to=${allowed.origin}`;
  const direct = `${allowed.origin}/redirect/302?to=${home.origin}/echo`;
  const second = `${first}/redirect/302?to=${home.origin}/echo`;
  for (const url of [direct, second, direct.replace("127.0.0.1", "localhost")]) {
    const problem = await cluster.client.fail({ url });
    assert.equal(problem.code, "target_forbidden", url);
    assert.match(problem.detail, /\b[12]\b/);
  }
  assert.equal(home.connections, 0);
});

test("faults A17: a redirect with a body to a private address is refused", async () => {
  const problem = await cluster.client.fail({
    url: `${allowed.origin}/redirect/307?to=${home.origin}/echo`,
    method: "POST",
    body: "secret",
  });
  assert.equal(problem.code, "target_forbidden");
  assert.equal(home.connections, 0);
});

test("faults A15: without an exception the orchestrator refuses early and the agent never sees it", async () => {
  await using strict = await startCluster({
    agents: 0,
    orchestrator: { ORCH_TARGET_ALLOW: "", ORCH_TARGET_PORTS: "80,443" },
  });
  using agent = await strict.jsonAgent({ hello: { name: "watcher" } });
  await strict.untilAvailable(1);
  const hosts = [
    "127.0.0.1",
    "10.0.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "224.0.0.1",
    "0.0.0.0",
    "2130706433",
    "017700000001",
    "0x7f000001",
    "127.1",
    "[::1]",
    "[::ffff:10.0.0.1]",
    "[64:ff9b::a00:1]",
    "[2002:a00:1::]",
    "[fe80::1]",
    "[fd00::1]",
    "１２７.０.０.１",
  ];
  for (const host of hosts) {
    const problem = await strict.client.fail({ url: `http://${host}/` });
    assert.equal(problem.code, "target_forbidden", host);
    assert.equal(problem.status, 403);
  }
  assert.equal(
    (await strict.client.fail({ url: "http://example.com:22/" })).code,
    "port_forbidden",
  );
  assert.deepEqual(agent.jobs, []);
});
