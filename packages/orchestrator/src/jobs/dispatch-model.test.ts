import assert from "node:assert/strict";
import { it, mock } from "node:test";
import fc from "fast-check";
import type { ErrorCode } from "@porchlight/protocol/errors";
import type { AgentRecord } from "../agents/registry.ts";
import { AFFINITY_IDLE_MS } from "../routing/affinities.ts";
import { Pacing } from "../routing/pacing.ts";
import { Target } from "../routing/target.ts";
import { DispatchFixture, JOB } from "./dispatch-fixture.ts";
import type { JobOutcome, RunningJob } from "./job.ts";
import { connectAgent } from "./scripted-agent.ts";

const CODES: readonly ErrorCode[] = [
  "agent_lost",
  "dns_failed",
  "overloaded",
  "connection_reset",
  "tls_failed",
];

const step = fc.oneof(
  fc.record({
    do: fc.constant("run" as const),
    method: fc.constantFrom("GET", "POST"),
    priority: fc.nat(9),
    timeoutMs: fc.integer({ min: 1, max: 5_000 }),
    agent: fc.option(fc.constantFrom("a", "b", "nobody"), { nil: undefined }),
    session: fc.option(fc.constantFrom("x", "y"), { nil: undefined }),
    strict: fc.boolean(),
  }),
  fc.record({ do: fc.constant("connect" as const), name: fc.constantFrom("a", "b", "c") }),
  fc.record({ do: fc.constant("disconnect" as const), name: fc.constantFrom("a", "b", "c") }),
  fc.record({ do: fc.constant("head" as const), of: fc.nat() }),
  fc.record({ do: fc.constant("answer" as const), of: fc.nat() }),
  fc.record({ do: fc.constant("fail" as const), of: fc.nat(), code: fc.constantFrom(...CODES) }),
  fc.record({ do: fc.constant("cancel" as const), of: fc.nat() }),
  fc.record({ do: fc.constant("tick" as const), ms: fc.nat(2_000) }),
);

it("Dispatcher: whatever happens in whatever order, each job ends once, in time, and gives its slot back", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), fc.boolean(), async (steps, paced) => {
      const pacing = paced ? new Pacing<AgentRecord>({ perSecond: 4, concurrent: 1 }) : undefined;
      using world = new DispatchFixture({ pacing });
      const links = world.connect(3, 2);
      const jobs: RunningJob[] = [];
      const asked = () => links.flatMap((link) => link.jobs);
      const outcomes = new Map<RunningJob, JobOutcome>();
      for (const each of steps) {
        if (each.do === "run") {
          const { method, priority, timeoutMs, agent, session: id, strict } = each;
          const targeting = agent === undefined ? {} : { agent };
          const session = id === undefined ? undefined : { id, ttlMs: 3_000, strict };
          jobs.push(world.run({ method, priority, timeoutMs, targeting, session }));
        } else if (each.do === "connect") {
          links.push(connectAgent(world.registry, each.name, { maxConcurrency: 2 }).link);
        } else if (each.do === "disconnect") {
          const record = world.record(each.name);
          world.registry.dispose(record, record.link?.id ?? "");
        } else if (each.do === "tick") mock.timers.tick(each.ms);
        else if (each.do === "cancel") jobs.at(each.of % (jobs.length || 1))?.cancel("enough");
        else {
          const job = asked().at(each.of % (asked().length || 1));
          if (each.do === "fail") job?.fail(each.code);
          else job?.[each.do]();
        }
        for (const name of ["a", "b", "c"]) {
          const { inFlight } = world.record(name);
          assert.ok(inFlight >= 0 && inFlight <= 2, `${inFlight} in flight`);
        }
      }
      mock.timers.tick(5_000);
      for (const job of jobs) outcomes.set(job, await job.outcome);
      assert.equal(world.dispatcher.inFlight, 0);
      assert.equal(world.line.length, 0);
      assert.equal(world.logged.length, jobs.length);
      for (const name of ["a", "b", "c"]) {
        const opensAtMs = pacing?.opensAtMs(world.record(name), new Target(JOB.host)) ?? 0;
        assert.ok(Number.isFinite(opensAtMs), "nothing is under way in its lane");
      }
      assert.equal(world.affinities.live(Date.now() + AFFINITY_IDLE_MS), 0);
      for (const name of ["a", "b", "c"]) assert.equal(world.record(name).inFlight, 0);
      for (const { attempts } of outcomes.values()) {
        assert.ok(attempts.length <= 3);
        assert.equal(new Set(attempts.map(({ agent }) => agent)).size, attempts.length);
      }
    }),
    { numRuns: 200 },
  );
});
