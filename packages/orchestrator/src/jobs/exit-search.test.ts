import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it, mock } from "node:test";
import type { ErrorCode } from "@porchlight/protocol/errors";
import { AFFINITY_IDLE_MS } from "../routing/affinities.ts";
import { FIRST_COOL_DOWN_MS } from "../routing/breaker.ts";
import type { SessionWish } from "../routing/request-options.ts";
import { completed, DispatchFixture, failed, POST } from "./dispatch-fixture.ts";
import type { Job, RunningJob } from "./job.ts";
import { connectAgent, type ScriptedLink } from "./scripted-agent.ts";

const SESSION: SessionWish = { id: "cart", ttlMs: 600_000, strict: false };
const STRICT: SessionWish = { ...SESSION, strict: true };

let world: DispatchFixture;

beforeEach(() => {
  world = new DispatchFixture();
});

afterEach(() => world.dispose());

/** Runs a job of the session. */
function run(part: Partial<Job> = {}): RunningJob {
  return world.run({ session: SESSION, ...part });
}

/** Runs a job of the session and answers it; the exit's name, and whether it has moved. */
async function served(part: Partial<Job> = {}): Promise<string> {
  const job = run(part);
  for (const name of ["a", "b", "c"]) {
    const link = world.registry.find(name)?.link as ScriptedLink | undefined;
    for (const each of link?.jobs.splice(0) ?? []) each.answer();
  }
  const { serving } = await completed(job);
  return `${serving.exit.name}${serving.session?.moved === true ? " moved" : ""}`;
}

/** Takes an agent's link away, as the door of agents does. */
function disconnect(name: string): void {
  const record = world.record(name);
  world.registry.dispose(record, record.link?.id ?? "");
}

describe("ExitSearch, a session", () => {
  it("keeps its exit, and says until when; other jobs go round", async () => {
    world.connect(3);
    assert.equal(await served(), "a");
    for (const other of ["b", "c"]) assert.equal(await served({ session: undefined }), other);
    for (let turn = 0; turn < 5; turn++) assert.equal(await served(), "a");
    const job = run();
    (world.record("a").link as ScriptedLink).jobs[0]!.answer();
    assert.deepEqual((await completed(job)).serving.session, {
      id: "cart",
      moved: false,
      expiresAt: new Date(600_000).toISOString(),
    });
  });

  it("is the account's own", async () => {
    world.connect(2);
    assert.equal(await served(), "a");
    assert.equal(await served({ account: "rival" }), "b");
    assert.equal(await served(), "a");
    assert.equal(await served({ account: "rival" }), "b");
  });

  it("begins anew after a minute without a job, or at its end, and has not moved then", async () => {
    world.connect(3);
    assert.equal(await served(), "a");
    mock.timers.tick(AFFINITY_IDLE_MS - 1);
    assert.equal(await served(), "a");
    mock.timers.tick(AFFINITY_IDLE_MS);
    assert.equal(await served(), "b");
    const short = { ...SESSION, id: "short", ttlMs: 1_000 };
    assert.equal(await served({ session: short }), "c");
    mock.timers.tick(1_000);
    assert.equal(await served({ session: short }), "a");
  });

  it("with other filters is refused as session_mismatch, without its name in the message", async () => {
    world.connect(2);
    await served();
    const { error, attempts } = await failed(run({ targeting: { agent: "b" } }));
    assert.equal(error.code, "session_mismatch");
    assert.ok(!error.message.includes(SESSION.id));
    assert.deepEqual(attempts, []);
    assert.equal(await served(), "a");
  });

  it("waits for its busy exit like everybody else, and does not move", async () => {
    const [a, b] = world.connect(2, 1);
    assert.equal(await served(), "a");
    world.run({ id: "other_b" });
    world.run({ id: "other_a" });
    assert.equal(b!.jobs.length, 1);
    const job = run({ id: "session" });
    assert.equal(world.line.length, 1);
    b!.jobs[0]!.answer();
    assert.equal(world.line.length, 1);
    a!.jobs[0]!.answer();
    a!.jobs[1]!.answer();
    assert.equal((await completed(job)).serving.exit.name, "a");
    world.run({ targeting: { agent: "a" } });
    const inVain = run();
    mock.timers.tick(1_000);
    const { error } = await failed(inVain);
    assert.equal(error.code, "no_agent_available");
    assert.equal(error.message, "The session's exit is busy");
  });

  it("two first jobs at once have one exit, also when both had to wait", async () => {
    world.connect(2, 1);
    const both = [run(), run()];
    const [a, b] = ["a", "b"].map((name) => world.record(name).link as ScriptedLink);
    assert.deepEqual([a!.jobs.length, b!.jobs.length], [1, 0]);
    a!.jobs[0]!.answer();
    a!.jobs[1]!.answer();
    for (const job of both) assert.equal((await completed(job)).serving.exit.name, "a");
    const session = { ...SESSION, id: "late" };
    for (const name of ["a", "b"]) world.run({ targeting: { agent: name } });
    const waiting = [run({ session }), run({ session })];
    a!.jobs.at(-1)!.answer();
    b!.jobs.at(-1)!.answer();
    assert.equal(b!.jobs.length, 1);
    assert.equal(world.record("b").inFlight, 0);
    a!.jobs.at(-1)!.answer();
    a!.jobs.at(-1)!.answer();
    for (const job of waiting) assert.equal((await completed(job)).serving.exit.name, "a");
  });

  const TARGETS_OWN: readonly ErrorCode[] = [
    "dns_failed",
    "connect_timeout",
    "connection_reset",
    "response_truncated",
    "host_unreachable",
  ];

  for (const code of TARGETS_OWN) {
    it(`is not moved by ${code}: it is returned, and the exit stays`, async () => {
      const [a, b] = world.connect(2);
      const job = run();
      a!.jobs.pop()!.fail(code);
      assert.equal((await failed(job)).error.code, code);
      assert.equal(b!.jobs.length, 0);
      assert.equal(await served(), "a");
    });
  }

  it("is not moved by an agent that is full after all", async () => {
    const [a] = world.connect(2);
    const job = run();
    a!.jobs.pop()!.fail("overloaded", true);
    assert.equal((await failed(job)).error.code, "overloaded");
    assert.equal(await served(), "a");
  });
});

describe("ExitSearch, a session whose exit goes", () => {
  for (const how of ["its link is gone", "it drains", "it is paused"]) {
    it(`moves when ${how}, says so once, and stays there`, async () => {
      world.connect(3);
      await served();
      const record = world.record("a");
      if (how === "it drains") world.registry.drain(record, "link_a");
      else if (how === "it is paused") world.registry.pause(record.id);
      else disconnect("a");
      assert.equal(await served(), "b moved");
      assert.equal(world.affinities.moves, 1);
      connectAgent(world.registry, "a", { linkId: "newer" });
      world.registry.activate(record.id);
      assert.equal(await served(), "b");
    });
  }

  it("moves when the exit no longer is what was asked for", async () => {
    const targeting = { labels: { site: "berlin" } };
    for (const name of ["a", "b"]) connectAgent(world.registry, name, targeting);
    assert.equal(await served({ targeting }), "a");
    connectAgent(world.registry, "a", { labels: { site: "oslo" } });
    assert.equal(await served({ targeting }), "b moved");
  });

  it("does not move while a newer link takes over", async () => {
    world.connect(2);
    await served();
    world.registry.drain(world.record("a"), "link_a");
    connectAgent(world.registry, "a", { linkId: "newer" });
    assert.equal(await served(), "a");
  });

  it("prefers an exit with the same address, then any that matches", async () => {
    connectAgent(world.registry, "a", { ip: "198.51.100.1" });
    connectAgent(world.registry, "b", { ip: "198.51.100.2" });
    connectAgent(world.registry, "c", { ip: "198.51.100.1" });
    assert.equal(await served(), "a");
    disconnect("a");
    assert.equal(await served(), "c moved");
    disconnect("c");
    assert.equal(await served(), "b moved");
  });

  it("moves in the middle of a job that may be repeated; a job that waits for the exit moves with it", async () => {
    const [a, b] = world.connect(2, 1);
    await served();
    const [first, second] = [run(), run()];
    assert.equal(world.line.length, 1);
    const lost = a!.jobs.pop()!;
    disconnect("a");
    assert.equal(b!.jobs.length, 1);
    b!.jobs.pop()!.answer();
    const moved = (await completed(second)).serving;
    assert.deepEqual([moved.exit.name, moved.session?.moved], ["b", true]);
    lost.fail("agent_lost");
    b!.jobs.pop()!.answer();
    const { serving, attempts } = await completed(first);
    assert.deepEqual([serving.exit.name, serving.session?.moved], ["b", true]);
    assert.deepEqual(
      attempts.map(({ error }) => error),
      ["agent_lost", undefined],
    );
    assert.equal(await served(), "b");
  });

  it("does not repeat what may not be repeated; the next job moves", async () => {
    const [a, b] = world.connect(2);
    await served();
    const job = run(POST);
    disconnect("a");
    a!.jobs.pop()!.fail("agent_lost");
    assert.equal((await failed(job)).error.code, "agent_lost");
    assert.equal(b!.jobs.length, 0);
    assert.equal(await served(), "b moved");
  });

  it("waits when it has to move and nobody is free", async () => {
    const [, b] = world.connect(2, 1);
    await served();
    world.run({ targeting: { agent: "b" } });
    disconnect("a");
    const job = run();
    assert.equal(world.line.length, 1);
    b!.jobs.shift()!.answer();
    b!.jobs.shift()!.answer();
    const { session, exit } = (await completed(job)).serving;
    assert.deepEqual([exit.name, session?.moved], ["b", true]);
  });
});

describe("ExitSearch, a strict session", () => {
  it("fails session_lost when its exit is gone, and goes on when that is back", async () => {
    world.connect(2);
    await served({ session: STRICT });
    disconnect("a");
    for (let turn = 0; turn < 2; turn++) {
      const { error, attempts } = await failed(run({ session: STRICT }));
      assert.equal(error.code, "session_lost");
      assert.ok(!error.message.includes(STRICT.id));
      assert.deepEqual(attempts, []);
    }
    connectAgent(world.registry, "a");
    assert.equal(await served({ session: STRICT }), "a");
  });

  for (const code of [
    "agent_lost",
    "agent_protocol_error",
    "agent_revoked",
    "shutting_down",
  ] as const) {
    it(`fails session_lost after ${code}, though the job may be repeated`, async () => {
      const [a, b] = world.connect(2);
      const job = run({ session: STRICT });
      a!.jobs.pop()!.fail(code);
      const { error, attempts } = await failed(job);
      assert.equal(error.code, "session_lost");
      assert.deepEqual(
        attempts.map(({ error: each }) => each),
        [code],
      );
      assert.equal(b!.jobs.length, 0);
    });
  }

  it("fails session_lost when its exit goes while it waits for it", async () => {
    world.connect(2, 1);
    await served({ session: STRICT });
    world.run({ targeting: { agent: "a" } });
    const job = run({ session: STRICT });
    disconnect("a");
    assert.equal((await failed(job)).error.code, "session_lost");
    assert.equal(world.line.length, 0);
  });

  it("may still choose as long as nothing has left through its exit", async () => {
    const [a, b] = world.connect(2);
    const job = run({ session: STRICT });
    a!.jobs.pop()!.fail("agent_lost", true);
    b!.jobs.pop()!.answer();
    const { serving } = await completed(job);
    assert.deepEqual([serving.exit.name, serving.session?.moved], ["b", false]);
    assert.equal(await served({ session: STRICT }), "b");
  });

  it("returns a target's failure as it is", async () => {
    const [a] = world.connect(2);
    const job = run({ session: STRICT });
    a!.jobs.pop()!.fail("connection_refused");
    assert.equal((await failed(job)).error.code, "connection_refused");
  });
});

describe("ExitSearch, the end of a session's jobs", () => {
  it("however a job ends, the session falls idle with it", async () => {
    const [a] = world.connect(1, 1);
    await served();
    const jobs = [run({ timeoutMs: 500 }), run(), run()];
    jobs[2]!.cancel("enough");
    mock.timers.tick(500);
    a!.jobs.pop()!.fail("tls_failed");
    await Promise.all(jobs.map(({ outcome }) => outcome));
    assert.equal(world.affinities.live(Date.now() + AFFINITY_IDLE_MS - 1), 1);
    assert.equal(world.affinities.live(Date.now() + AFFINITY_IDLE_MS), 0);
  });

  it("faults F27: the log tells what became of a session, not its name", async () => {
    world.connect(2);
    const session = { ...SESSION, id: "canary7f3a9c" };
    await served({ session });
    disconnect("a");
    await served({ session });
    const states = world.logged.map((line) => (JSON.parse(line) as { session: string }).session);
    assert.deepEqual(states, ["kept", "moved"]);
    assert.ok(!world.logged.join("").includes("canary7f3a9c"));
  });
});

describe("ExitSearch, exit health", () => {
  it("prefers another agent after three failures with a target, for that target alone", async () => {
    const [a, b] = world.connect(2);
    for (let failure = 0; failure < 3; failure++) {
      const job = world.run({ targeting: {}, maxRetries: 0, host: "shop.example" });
      const asked = a!.jobs.pop() ?? b!.jobs.pop();
      if (asked === undefined) assert.fail("nobody was asked");
      asked.fail("connection_refused");
      await failed(job);
      // Back to the first one's turn.
      world.run({ host: "other.example" });
      (b!.jobs.pop() ?? a!.jobs.pop())?.answer();
    }
    assert.deepEqual(world.selector.health.open(Date.now()), { agents: 0, targets: 1 });
    for (let turn = 0; turn < 4; turn++) world.run({ host: "www.shop.example" });
    assert.deepEqual([a!.jobs.length, b!.jobs.length], [0, 4]);
    for (let turn = 0; turn < 4; turn++) world.run({ host: "other.example" });
    assert.deepEqual([a!.jobs.length, b!.jobs.length], [2, 6]);
  });

  it("sends one job as the probe after a cool-down, the others elsewhere until it has an answer", async () => {
    const [a, b] = world.connect(2);
    for (let failure = 0; failure < 3; failure++) {
      const job = world.run({ targeting: { agent: "a" } });
      a!.jobs.pop()!.fail("connection_refused");
      await failed(job);
    }
    mock.timers.tick(FIRST_COOL_DOWN_MS);
    for (let turn = 0; turn < 4; turn++) world.run();
    assert.deepEqual([a!.jobs.length, b!.jobs.length], [1, 3]);
    a!.jobs.pop()!.answer();
    for (let turn = 0; turn < 4; turn++) world.run();
    assert.deepEqual([a!.jobs.length, b!.jobs.length], [2, 5]);
  });

  it("a target that fails everywhere is told as it is", async () => {
    const [a] = world.connect(1);
    for (let failure = 0; failure < 6; failure++) {
      const job = world.run();
      a!.jobs.pop()!.fail("connection_refused");
      assert.equal((await failed(job)).error.code, "connection_refused");
    }
  });
});

it("ExitSearch: queueMs is the time without an agent, not that before or after", async () => {
  const [a] = world.connect(1, 1);
  mock.timers.tick(500);
  world.run();
  const job = world.run();
  mock.timers.tick(200);
  a!.jobs.pop()!.answer();
  mock.timers.tick(50);
  a!.jobs.pop()!.answer();
  assert.equal((await completed(job)).timings.queueMs, 200);
});
