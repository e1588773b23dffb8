import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it, mock } from "node:test";
import type { ErrorCode } from "@porchlight/protocol/errors";
import { completed, DispatchFixture, failed, POST } from "./dispatch-fixture.ts";
import { connectAgent } from "./scripted-agent.ts";

/** Refusals that may come before anything is sent, and after. */
const REFUSALS: readonly ErrorCode[] = [
  "overloaded",
  "shutting_down",
  "dns_failed",
  "host_unreachable",
  "connect_timeout",
];

/** Failures another agent may not have, after which nobody knows whether the target has the request. */
const MAYBE_SENT: readonly ErrorCode[] = [
  "agent_lost",
  "agent_protocol_error",
  "agent_revoked",
  "connection_reset",
  "response_truncated",
];

/** Failures that another agent would have too. */
const FINAL: readonly ErrorCode[] = [
  "connection_refused",
  "tls_failed",
  "target_forbidden",
  "port_forbidden",
  "target_timeout",
  "target_protocol_error",
  "too_many_redirects",
  "response_too_large",
];

let world: DispatchFixture;

beforeEach(() => {
  world = new DispatchFixture();
});

afterEach(() => world.dispose());

describe("JobRun: another agent", () => {
  for (const code of REFUSALS) {
    it(`is tried after ${code} with nothing sent, even for a POST`, async () => {
      const [a, b] = world.connect(2);
      const job = world.run(POST);
      mock.timers.tick(3);
      a!.jobs[0]!.fail(code, true);
      b!.jobs[0]!.answer("ok");
      const outcome = await completed(job);
      assert.deepEqual(outcome.attempts, [
        { agent: world.record("a").id, error: code, ms: 3 },
        { agent: world.record("b").id, ms: 0 },
      ]);
      assert.deepEqual(outcome.serving.attempts, outcome.attempts);
      assert.deepEqual(b!.jobs[0]!.body, POST.body);
    });
  }

  for (const code of [...MAYBE_SENT, ...REFUSALS]) {
    for (const method of ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"]) {
      it(`is tried after ${code} of an idempotent ${method}`, async () => {
        const [a, b] = world.connect(2);
        const job = world.run({ method });
        a!.jobs[0]!.fail(code);
        b!.jobs[0]!.answer();
        await completed(job);
      });
    }

    for (const method of ["POST", "PATCH"]) {
      it(`is not tried after ${code} of a ${method}, which may have reached the target`, async () => {
        const [a, b] = world.connect(2);
        const job = world.run({ ...POST, method });
        a!.jobs[0]!.fail(code);
        const { error, attempts } = await failed(job);
        assert.equal(error.code, code);
        assert.equal(attempts.length, 1);
        assert.equal(b!.jobs.length, 0);
      });

      it(`is tried after ${code} of a ${method} with retryUnsafe`, async () => {
        const [a, b] = world.connect(2);
        const job = world.run({ ...POST, method, retryUnsafe: true });
        a!.jobs[0]!.fail(code);
        b!.jobs[0]!.answer();
        await completed(job);
      });
    }
  }

  for (const code of FINAL) {
    it(`is not tried after ${code}: it would fail there too`, async () => {
      const [a, b] = world.connect(2);
      const job = world.run({ retryUnsafe: true });
      a!.jobs[0]!.fail(code);
      assert.equal((await failed(job)).error.code, code);
      assert.equal(b!.jobs.length, 0);
    });
  }

  it("is not tried for a POST whose target has answered, whatever the code", async () => {
    const [a, b] = world.connect(2);
    const job = world.run(POST);
    a!.jobs[0]!.head();
    a!.jobs[0]!.fail("dns_failed", true);
    assert.equal((await failed(job)).error.code, "dns_failed");
    assert.equal(b!.jobs.length, 0);
  });

  it("is tried after a part of the answer, when the client has seen none of it; the sink starts again", async () => {
    const [a, b] = world.connect(2);
    const job = world.run();
    a!.jobs[0]!.head({ status: 500 });
    a!.jobs[0]!.listener.onData(Buffer.from("half"));
    a!.jobs[0]!.fail("agent_lost");
    assert.equal(world.sink.serving, undefined);
    b!.jobs[0]!.answer("whole");
    const outcome = await completed(job);
    assert.equal(world.sink.body().toString(), "whole");
    assert.equal(outcome.serving.head.status, 200);
    assert.equal(outcome.bytes.received, 5);
  });

  it("faults F1: is not tried once something has reached the client", async () => {
    const [a, b] = world.connect(2);
    let resets = 0;
    const raw = {
      committed: false,
      begin: () => void (raw.committed = true),
      data() {},
      reset: () => void resets++,
    };
    const job = world.run({}, raw);
    a!.jobs[0]!.head();
    a!.jobs[0]!.fail("agent_lost");
    assert.equal((await failed(job)).error.code, "agent_lost");
    assert.equal(b!.jobs.length, 0);
    assert.equal(resets, 0);
  });

  it("is tried at most maxRetries times", async () => {
    const links = world.connect(4);
    const job = world.run({ maxRetries: 1 });
    links[0]!.jobs[0]!.fail("dns_failed");
    links[1]!.jobs[0]!.fail("connect_timeout");
    const { error, attempts } = await failed(job);
    assert.equal(error.code, "connect_timeout");
    assert.equal(attempts.length, 2);
    const none = world.run({ maxRetries: 0 });
    links[2]!.jobs[0]!.fail("dns_failed");
    assert.equal((await failed(none)).attempts.length, 1);
  });

  it("faults F21: is not tried after two agents were lost", async () => {
    const [a, b, c] = world.connect(3);
    const job = world.run({ maxRetries: 5 });
    a!.jobs[0]!.fail("agent_lost");
    b!.jobs[0]!.fail("agent_lost");
    const { error, attempts } = await failed(job);
    assert.equal(error.code, "agent_lost");
    assert.deepEqual(
      attempts.map((attempt) => attempt.error),
      ["agent_lost", "agent_lost"],
    );
    assert.equal(c!.jobs.length, 0);
  });

  it("faults F21: is tried when only one of two failures lost an agent", async () => {
    const [a, b, c] = world.connect(3);
    const job = world.run();
    a!.jobs[0]!.fail("agent_lost");
    b!.jobs[0]!.fail("connection_reset");
    c!.jobs[0]!.answer();
    assert.equal((await completed(job)).attempts.length, 3);
  });

  it("is never one that was tried; without any other, the failure itself is the answer at once", async () => {
    const [a] = world.connect(1);
    const job = world.run();
    a!.jobs[0]!.fail("dns_failed");
    assert.equal((await failed(job)).error.code, "dns_failed");
    assert.equal(a!.jobs.length, 1);
  });

  it("is waited for when all others are busy; in vain, the failure is the answer", async () => {
    const [a, b] = world.connect(2, 1);
    const job = world.run();
    world.run({ id: "job_2" });
    a!.jobs[0]!.fail("dns_failed");
    assert.equal(world.line.length, 1);
    mock.timers.tick(1_000);
    const { error, attempts } = await failed(job);
    assert.equal(error.code, "dns_failed");
    assert.equal(attempts.length, 1);
    assert.equal(b!.jobs.length, 1);
  });

  it("that one job has tried stays open to those who waited with it", () => {
    const [a] = world.connect(1, 1);
    world.run({ id: "job_1" });
    world.run({ id: "job_2" });
    world.run({ id: "job_3" });
    a!.jobs[0]!.answer();
    world.run({ id: "job_4", priority: 9, targeting: { agent: "a" } });
    a!.jobs[1]!.fail("dns_failed");
    a!.jobs[2]!.answer();
    const asked = a!.jobs.map(({ open }) => open.jobId);
    assert.deepEqual(asked, ["job_1", "job_2", "job_4", "job_3"]);
  });

  it("has to match the targeting too", async () => {
    const labels = { site: "berlin" };
    const a = connectAgent(world.registry, "a", { labels });
    const b = connectAgent(world.registry, "b");
    const job = world.run({ targeting: { labels } });
    a.link.jobs[0]!.fail("dns_failed");
    assert.equal((await failed(job)).error.code, "dns_failed");
    assert.equal(b.link.jobs.length, 0);
  });

  it("is tried for a POST when the first had gone before it was asked", async () => {
    const [a, b] = world.connect(2);
    // Gone between the choice and the question: the choice sees the link, the question does not.
    let looks = 0;
    const { link } = world.record("a");
    Object.defineProperty(world.record("a"), "link", {
      get: () => (looks++ === 0 ? link : undefined),
    });
    const job = world.run(POST);
    b!.jobs[0]!.answer();
    assert.deepEqual((await completed(job)).attempts[0]?.error, "agent_lost");
    assert.equal(a!.jobs.length, 0);
  });
});

describe("JobRun: the deadline", () => {
  it("faults F11: ends a job that waits for its target, and the agent's work, with job_timeout", async () => {
    const [a] = world.connect(1);
    const job = world.run();
    mock.timers.tick(9_999);
    assert.equal(a!.jobs[0]!.running, true);
    mock.timers.tick(1);
    const { error, attempts } = await failed(job);
    assert.equal(error.code, "job_timeout");
    assert.equal(a!.jobs[0]!.aborted?.code, "job_timeout");
    assert.deepEqual(attempts, [{ agent: world.record("a").id, error: "job_timeout", ms: 10_000 }]);
    assert.equal(world.record("a").inFlight, 0);
    assert.equal(world.record("a").failed, 1);
  });

  it("faults F11: ends a job in mid-body", async () => {
    const [a] = world.connect(1);
    const job = world.run();
    a!.jobs[0]!.head();
    for (let second = 0; second < 10; second++) {
      a!.jobs[0]!.listener.onData(Buffer.from("."));
      mock.timers.tick(1_000);
    }
    assert.equal((await failed(job)).error.code, "job_timeout");
  });

  it("is total: a second attempt has what the first has left, and none follows after it", async () => {
    const [a, b] = world.connect(2);
    const job = world.run({ timeoutMs: 1_000 });
    mock.timers.tick(600);
    a!.jobs[0]!.fail("connect_timeout");
    assert.equal(b!.jobs[0]!.open.timeoutMs, 380);
    mock.timers.tick(400);
    const { error, attempts } = await failed(job);
    assert.equal(error.code, "job_timeout");
    assert.equal(attempts.length, 2);
  });

  it("leaves no timer behind, however it ends", async () => {
    const set = mock.method(globalThis, "setTimeout");
    const cleared = mock.method(globalThis, "clearTimeout");
    const [a] = world.connect(1, 1);
    const jobs = [world.run(), world.run(), world.run(), world.run()];
    a!.jobs[0]!.answer();
    a!.jobs[1]!.fail("tls_failed");
    jobs[3]!.cancel("enough");
    a!.jobs[2]!.answer();
    await Promise.all(jobs.map(({ outcome }) => outcome));
    const left = new Set(set.mock.calls.map(({ result }) => result));
    for (const {
      arguments: [timer],
    } of cleared.mock.calls)
      left.delete(timer as NodeJS.Timeout);
    assert.equal(left.size, 0);
    mock.restoreAll();
  });

  it("stops a second attempt also when its timer is late", async () => {
    const [a, b] = world.connect(2);
    const job = world.run();
    mock.timers.setTime(10_000);
    a!.jobs[0]!.fail("dns_failed");
    assert.equal((await failed(job)).error.code, "dns_failed");
    assert.equal(b!.jobs.length, 0);
  });
});

describe("JobRun: cancel", () => {
  it("while waiting: leaves the line", async () => {
    const job = world.run();
    job.cancel("The client went away");
    const { status, error } = await failed(job);
    assert.equal(status, "cancelled");
    assert.equal(error.code, "cancelled");
    assert.equal(error.message, "The client went away");
    assert.equal(world.line.length, 0);
    const [a] = world.connect(1);
    assert.equal(a!.jobs.length, 0);
  });

  for (const state of ["sent", "after the head"]) {
    it(`faults A28: ${state}: reaches the agent at once and frees its slot`, async () => {
      const [a] = world.connect(1);
      const job = world.run();
      if (state !== "sent") a!.jobs[0]!.head();
      job.cancel("The client went away");
      assert.deepEqual(a!.jobs[0]!.aborted, {
        code: "cancelled",
        reason: "The client went away",
      });
      assert.equal(world.record("a").inFlight, 0);
      assert.equal(world.record("a").failed, 0);
      const { status, attempts } = await failed(job);
      assert.equal(status, "cancelled");
      assert.equal(attempts[0]?.error, "cancelled");
    });
  }

  it("after a wait: reaches the agent that it waited for", async () => {
    const [a] = world.connect(1, 1);
    world.run({ id: "job_2" });
    const job = world.run();
    a!.jobs[0]!.answer();
    job.cancel("enough");
    assert.equal(a!.jobs[1]!.aborted?.code, "cancelled");
    assert.equal((await failed(job)).status, "cancelled");
  });

  it("between two attempts: no second one", async () => {
    const [a, b] = world.connect(2, 1);
    const job = world.run();
    world.run({ id: "job_2" });
    a!.jobs[0]!.fail("dns_failed");
    job.cancel("enough");
    assert.equal((await failed(job)).status, "cancelled");
    b!.jobs[0]!.answer();
    assert.equal(b!.jobs.length, 1);
  });

  it("faults A23: after the end, and twice: nothing", async () => {
    const [a] = world.connect(1);
    const job = world.run();
    a!.jobs[0]!.answer();
    job.cancel("late");
    job.cancel("later");
    await completed(job);
    assert.equal(a!.jobs[0]!.aborted, undefined);
    assert.equal(world.logged.length, 1);
  });

  it("the agent hears the end of one job before it is given the next one", () => {
    const [a] = world.connect(1, 1);
    const job = world.run();
    world.run({ id: "job_2" });
    const order: string[] = [];
    const first = a!.jobs[0]!;
    first.abort = () => void order.push("abort");
    const startHttp = a!.startHttp.bind(a);
    a!.startHttp = (...asked) => {
      order.push("next");
      return startHttp(...asked);
    };
    job.cancel("enough");
    assert.deepEqual(order, ["abort", "next"]);
  });
});
