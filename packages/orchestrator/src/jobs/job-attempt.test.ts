import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it, mock } from "node:test";
import { completed, DispatchFixture, failed, POST } from "./dispatch-fixture.ts";
import type { ScriptedJob } from "./scripted-agent.ts";

let world: DispatchFixture;

beforeEach(() => {
  world = new DispatchFixture();
});

afterEach(() => world.dispose());

describe("JobAttempt: an agent that is not trusted", () => {
  const LATE: Record<string, (job: ScriptedJob) => void> = {
    "a second end": (job) => job.listener.onEnd(undefined),
    "a second head": (job) => job.head(),
    "more data": (job) => job.listener.onData(Buffer.from("late")),
    "an error": (job) => job.fail("agent_lost"),
  };

  for (const [what, act] of Object.entries(LATE)) {
    it(`faults G7, G8: ${what} after the end changes nothing`, async () => {
      const [a] = world.connect(1);
      const job = world.run();
      a!.jobs[0]!.answer("body");
      act(a!.jobs[0]!);
      assert.equal((await completed(job)).bytes.received, 4);
      assert.equal(world.sink.body().toString(), "body");
      assert.equal(world.record("a").completed, 1);
      assert.equal(world.record("a").failed, 0);
      assert.equal(world.record("a").inFlight, 0);
    });

    it(`faults G8: ${what} after cancel changes nothing`, async () => {
      const [a] = world.connect(1);
      const job = world.run();
      a!.jobs[0]!.head();
      job.cancel("enough");
      act(a!.jobs[0]!);
      assert.equal((await failed(job)).status, "cancelled");
      assert.equal(world.sink.body().length, 0);
      assert.equal(world.record("a").inFlight, 0);
    });
  }

  const BROKEN: Record<string, (job: ScriptedJob) => void> = {
    "a body without a head": (job) => job.listener.onData(Buffer.from("x")),
    "an end without a head": (job) => job.listener.onEnd(undefined),
    "two heads": (job) => {
      job.head();
      job.head();
    },
    "resend of a job without a body": (job) => job.head({ resend: { url: "x", headers: [] } }),
  };

  for (const [what, act] of Object.entries(BROKEN)) {
    it(`${what} is agent_protocol_error`, async () => {
      const [a] = world.connect(1);
      const job = world.run();
      act(a!.jobs[0]!);
      assert.equal((await failed(job)).error.code, "agent_protocol_error");
      assert.equal(world.record("a").failed, 1);
    });
  }

  it("faults F12: more than maxResponseBytes is cut off with response_too_large", async () => {
    const [a, b] = world.connect(2);
    const job = world.run({ maxResponseBytes: 5 });
    a!.jobs[0]!.head();
    a!.jobs[0]!.listener.onData(Buffer.from("12345"));
    assert.equal(a!.jobs[0]!.running, true);
    a!.jobs[0]!.listener.onData(Buffer.from("6"));
    assert.equal((await failed(job)).error.code, "response_too_large");
    assert.equal(a!.jobs[0]!.aborted?.code, "response_too_large");
    assert.equal(world.sink.body().toString(), "12345");
    assert.equal(b!.jobs.length, 0);
  });
});

describe("JobAttempt: a redirect that needs the body again", () => {
  const resend = { url: "https://other.example/", headers: ["a", "b"] };

  it("is asked of the same agent, as the same attempt, with what is left of redirects and time", async () => {
    const [a, b] = world.connect(2);
    const job = world.run({ ...POST, maxRedirects: 5 });
    mock.timers.tick(1_000);
    a!.jobs[0]!.answer("", { status: 307, redirects: 2, resend });
    const again = a!.jobs[1]!;
    assert.equal(world.record("a").inFlight, 1);
    assert.equal(again.open.url, resend.url);
    assert.deepEqual(again.open.headers, resend.headers);
    assert.equal(again.open.maxRedirects, 3);
    assert.equal(again.open.timeoutMs, 8_750);
    assert.equal(again.body, POST.body);
    again.answer("done");
    const outcome = await completed(job);
    assert.equal(outcome.attempts.length, 1);
    assert.equal(outcome.timings.ttfbMs, 8);
    assert.equal(world.sink.body().toString(), "done");
    assert.equal(world.record("a").bytesSent, 14);
    assert.equal(world.record("a").completed, 1);
    assert.equal(world.record("a").inFlight, 0);
    assert.equal(b!.jobs.length, 0);
  });

  it("waits until the agent has ended the first exchange", () => {
    const [a] = world.connect(1);
    world.run(POST);
    a!.jobs[0]!.head({ status: 308, redirects: 1, resend });
    assert.equal(a!.jobs.length, 1);
    a!.jobs[0]!.listener.onEnd(undefined);
    assert.equal(a!.jobs.length, 2);
  });

  it("is not tried on another agent when it fails: the request has left", async () => {
    const [a, b] = world.connect(2);
    const job = world.run(POST);
    a!.jobs[0]!.answer("", { status: 307, redirects: 1, resend });
    a!.jobs[1]!.fail("dns_failed", true);
    assert.equal((await failed(job)).error.code, "dns_failed");
    assert.equal(b!.jobs.length, 0);
  });

  it("ends as too_many_redirects, also when the agent claims to have followed none", async () => {
    const [a] = world.connect(1);
    const job = world.run({ ...POST, maxRedirects: 3 });
    for (let turn = 0; turn < 4; turn++) {
      a!.jobs[turn]!.answer("", { status: 307, redirects: 0, resend });
    }
    assert.equal((await failed(job)).error.code, "too_many_redirects");
    assert.equal(a!.jobs.length, 4);
    assert.equal(a!.jobs[3]!.open.maxRedirects, 0);
  });

  it("is agent_protocol_error when redirects are not followed", async () => {
    const [a] = world.connect(1);
    const job = world.run({ ...POST, followRedirects: false });
    a!.jobs[0]!.head({ status: 307, redirects: 0, resend });
    assert.equal((await failed(job)).error.code, "agent_protocol_error");
  });

  it("is cancelled like any other", async () => {
    const [a] = world.connect(1);
    const job = world.run(POST);
    a!.jobs[0]!.answer("", { status: 307, redirects: 1, resend });
    job.cancel("enough");
    assert.equal(a!.jobs[1]!.aborted?.code, "cancelled");
    assert.equal((await failed(job)).status, "cancelled");
  });
});
