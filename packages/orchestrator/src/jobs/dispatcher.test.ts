import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it, mock } from "node:test";
import { completed, DispatchFixture, failed, JOB, POST } from "./dispatch-fixture.ts";
import type { JobSink } from "./job.ts";

let world: DispatchFixture;

beforeEach(() => {
  world = new DispatchFixture();
});

afterEach(() => world.dispose());

describe("Dispatcher, a job that goes well", () => {
  it("asks the agent for exactly the job", async () => {
    const [a] = world.connect(1);
    const job = world.run({ ...POST, maxResponseBytes: 99, maxRedirects: 3 });
    const asked = a!.jobs[0]!;
    assert.deepEqual(asked.open, {
      kind: "http",
      jobId: "job_1",
      requestId: "req_1",
      account: "acme",
      method: "POST",
      url: JOB.url,
      headers: ["accept", "*/*"],
      bodyBytes: 7,
      timeoutMs: 9_750,
      followRedirects: true,
      maxRedirects: 3,
      maxResponseBytes: 99,
    });
    assert.equal(asked.body, POST.body);
    asked.answer();
    await completed(job);
  });

  it("gives the agent a deadline 5 % earlier than its own, for short jobs", () => {
    const [a] = world.connect(1);
    world.run({ timeoutMs: 1_000 });
    world.run({ timeoutMs: 1 });
    assert.equal(a!.jobs[0]!.open.timeoutMs, 950);
    assert.equal(a!.jobs[1]!.open.timeoutMs, 1);
  });

  it("hands on head, body, exit, attempts, bytes and timings", async () => {
    const [a] = world.connect(1);
    const job = world.run(POST);
    mock.timers.tick(5);
    a!.jobs[0]!.head({ status: 404, headers: ["x", "y"] });
    mock.timers.tick(2);
    a!.jobs[0]!.listener.onData(Buffer.from("not "));
    a!.jobs[0]!.listener.onData(Buffer.from("found"));
    a!.jobs[0]!.listener.onEnd(undefined);
    const outcome = await completed(job);
    const agent = world.record("a").id;
    assert.equal(world.sink.body().toString(), "not found");
    assert.equal(world.sink.serving, outcome.serving);
    assert.equal(outcome.serving.head.status, 404);
    assert.deepEqual(outcome.serving.exit, { agentId: agent, name: "a", ip: "203.0.113.7" });
    assert.deepEqual(outcome.serving.attempts, [{ agent, ms: 5 }]);
    assert.deepEqual(outcome.attempts, [{ agent, ms: 7 }]);
    assert.deepEqual(outcome.bytes, { sent: 7, received: 9 });
    assert.deepEqual(outcome.timings, {
      queueMs: 0,
      dnsMs: 1,
      connectMs: 2,
      tlsMs: 3,
      ttfbMs: 4,
      totalMs: 7,
    });
  });

  it("passes nothing on that an agent slips into its timings", async () => {
    const [a] = world.connect(1);
    const job = world.run();
    const timings = { dnsMs: 1, connectMs: 1, tlsMs: 1, ttfbMs: 1, queueMs: 9e9, evil: "x" };
    a!.jobs[0]!.answer("", { timings });
    const outcome = await completed(job);
    assert.equal(outcome.timings.queueMs, 0);
    assert.ok(!("evil" in outcome.timings));
  });

  it("gives credit back only when the sink has drained", async () => {
    const [a] = world.connect(1);
    const held: ((bytes: number) => void)[] = [];
    const slow: JobSink = {
      committed: true,
      begin() {},
      data: (_chunk, consume) => void held.push(consume),
      reset() {},
    };
    const job = world.run({}, slow);
    const asked = a!.jobs[0]!;
    asked.answer("12345");
    assert.equal(asked.consumedBytes, 0);
    held[0]!(5);
    assert.equal(asked.consumedBytes, 5);
    await completed(job);
  });

  for (const part of ["begin", "data"] as const) {
    it(`a sink that throws in ${part} ends its own job only, at the agent too`, async () => {
      const [a] = world.connect(1);
      const broken: JobSink = { committed: false, begin() {}, data() {}, reset() {} };
      broken[part] = () => {
        throw new TypeError("broken");
      };
      const job = world.run({}, broken);
      a!.jobs[0]!.answer("body");
      assert.equal((await failed(job)).error.code, "internal");
      assert.equal(a!.jobs[0]!.aborted?.code, "internal");
      assert.equal(world.record("a").inFlight, 0);
    });
  }

  it("counts on the agent's record, holds its slot, and leaves one log line without the path", async () => {
    const [a] = world.connect(1);
    const job = world.run(POST);
    assert.equal(world.record("a").inFlight, 1);
    assert.equal(world.dispatcher.inFlight, 1);
    a!.jobs[0]!.answer("body");
    await completed(job);
    const { inFlight, completed: done, failed: lost, bytesSent, bytesReceived } = world.record("a");
    assert.deepEqual([inFlight, done, lost, bytesSent, bytesReceived], [0, 1, 0, 7, 4]);
    assert.equal(world.dispatcher.inFlight, 0);
    assert.equal(world.logged.length, 1);
    const { time, ...line } = JSON.parse(world.logged[0]!) as Record<string, unknown>;
    assert.ok(time);
    assert.deepEqual(line, {
      level: "info",
      name: "test",
      jobId: "job_1",
      requestId: "req_1",
      account: "acme",
      agentId: world.record("a").id,
      linkId: "link_a",
      method: "POST",
      host: "example.com",
      status: "completed",
      statusCode: 200,
      attempts: 1,
      bytesSent: 7,
      bytesReceived: 4,
      ms: 0,
      msg: "Job completed",
    });
  });
});

describe("Dispatcher, waiting", () => {
  it("faults A25: nobody matches: no_agent_available after the queue wait", async () => {
    world.connect(1);
    const job = world.run({ targeting: { labels: { site: "berlin" } } });
    mock.timers.tick(999);
    assert.equal(world.line.length, 1);
    mock.timers.tick(1);
    const { status, error, attempts } = await failed(job);
    assert.equal(status, "failed");
    assert.equal(error.code, "no_agent_available");
    assert.equal(error.message, "No connected agent matches label site=berlin");
    assert.deepEqual(attempts, []);
  });

  it("the job's own deadline, if it is sooner, is job_timeout", async () => {
    const job = world.run({ timeoutMs: 300 });
    mock.timers.tick(300);
    assert.equal((await failed(job)).error.code, "job_timeout");
    assert.equal(world.line.length, 0);
  });

  it("counts as queueMs, and leaves the agent what is left of the deadline", async () => {
    const job = world.run();
    mock.timers.tick(400);
    const [a] = world.connect(1);
    assert.equal(a!.jobs[0]!.open.timeoutMs, 9_350);
    mock.timers.tick(50);
    a!.jobs[0]!.answer();
    const { timings } = await completed(job);
    assert.equal(timings.queueMs, 400);
    assert.equal(timings.totalMs, 450);
  });

  it("serves the higher priority first when a slot comes free", () => {
    const [a] = world.connect(1, 1);
    world.run();
    world.run({ id: "job_low", priority: 1 });
    world.run({ id: "job_high", priority: 9 });
    a!.jobs[0]!.answer();
    assert.equal(a!.jobs[1]!.open.jobId, "job_high");
    assert.equal(a!.jobs.length, 2);
  });

  it("is refused as overloaded when the line is full", async () => {
    world.dispose();
    world = new DispatchFixture({ maxWaiting: 1 });
    const first = world.run();
    assert.equal((await failed(world.run())).error.code, "overloaded");
    first.cancel("done");
  });
});

describe("Dispatcher, shutdown", () => {
  it("drain refuses new jobs, and resolves when those under way have ended", async () => {
    const [a] = world.connect(1, 1);
    const job = world.run();
    const waiting = world.run({ id: "job_2" });
    let drained = false;
    const drain = world.dispatcher.drain().then(() => (drained = true));
    assert.equal((await failed(world.run({ id: "job_3" }))).error.code, "shutting_down");
    a!.jobs[0]!.answer();
    await completed(job);
    assert.equal(drained, false);
    a!.jobs[1]!.answer();
    await completed(waiting);
    await drain;
    assert.equal(world.dispatcher.inFlight, 0);
  });

  it("drain resolves at once when nothing is under way", () => world.dispatcher.drain());

  it("close ends everything under way", async () => {
    const [a] = world.connect(1, 1);
    const running = world.run();
    const waiting = world.run({ id: "job_2" });
    world.dispatcher.close();
    assert.equal((await failed(running)).error.code, "shutting_down");
    assert.equal((await failed(waiting)).error.code, "shutting_down");
    assert.equal(a!.jobs[0]!.aborted?.code, "shutting_down");
    assert.equal(a!.jobs.length, 1);
    await world.dispatcher.drain();
  });
});
