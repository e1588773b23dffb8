/** A dispatcher with its registry and waiting line, on a clock that the test turns. For tests only. */
import assert from "node:assert/strict";
import { mock } from "node:test";
import { createLogger } from "@porchlight/runtime/logger";
import { Registry, type AgentRecord } from "../agents/registry.ts";
import { Affinities } from "../routing/affinities.ts";
import type { Pacing } from "../routing/pacing.ts";
import { Selector } from "../routing/selector.ts";
import { BufferedSink } from "./buffered-sink.ts";
import { Dispatcher } from "./dispatcher.ts";
import type { Job, JobOutcome, JobSink, RunningJob } from "./job.ts";
import { connectAgent, type ScriptedLink } from "./scripted-agent.ts";
import { WaitingLine } from "./waiting-line.ts";

/** A plain GET; 10 s. */
export const JOB: Job = {
  id: "job_1",
  requestId: "req_1",
  account: "acme",
  method: "GET",
  url: "https://example.com/secret-path?q=1",
  host: "example.com",
  headers: ["accept", "*/*"],
  body: undefined,
  timeoutMs: 10_000,
  followRedirects: true,
  maxRedirects: 10,
  maxResponseBytes: undefined,
  maxRetries: 2,
  retryUnsafe: false,
  targeting: {},
  priority: 5,
  tag: undefined,
  metadata: undefined,
};

/** What makes a job one that must not be repeated. */
export const POST = { method: "POST", body: Buffer.from("payload") };

interface FixtureOptions {
  readonly maxWaiting?: number;
  readonly pacing?: Pacing<AgentRecord> | undefined;
}

/** One dispatcher, with what its agents do, what it logs and what its job's sink has got. */
export class DispatchFixture implements Disposable {
  readonly registry: Registry;
  readonly selector: Selector<AgentRecord>;
  readonly line: WaitingLine;
  readonly dispatcher: Dispatcher;
  readonly affinities = new Affinities<AgentRecord>();
  readonly sink = new BufferedSink(1_000_000);
  /** Lines of the log. */
  readonly logged: string[] = [];

  constructor({ maxWaiting = 10, pacing }: FixtureOptions = {}) {
    mock.timers.enable({ apis: ["setTimeout", "Date"] });
    const now = Date.now;
    this.registry = new Registry();
    this.selector = new Selector<AgentRecord>({
      pool: this.registry,
      strategy: "round-robin",
      random: () => 0,
      pacing,
    });
    this.line = new WaitingLine({
      registry: this.registry,
      selector: this.selector,
      now,
      maxWaiting,
    });
    const destination = { write: (text: string) => void this.logged.push(text) };
    const logger = createLogger({ name: "test", level: "info", pretty: false, destination });
    this.dispatcher = new Dispatcher({
      waitingLine: this.line,
      selector: this.selector,
      affinities: this.affinities,
      queueWaitMs: 1_000,
      logger,
      now,
    });
  }

  dispose(): void {
    mock.timers.reset();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  run(part: Partial<Job> = {}, into: JobSink = this.sink): RunningJob {
    return this.dispatcher.run({ ...JOB, ...part }, into);
  }

  /** Connects agents `a`, `b`, …, in the order in which they are tried. */
  connect(count: number, maxConcurrency = 8): ScriptedLink[] {
    const names = ["a", "b", "c", "d"].slice(0, count);
    return names.map((name) => connectAgent(this.registry, name, { maxConcurrency }).link);
  }

  record(name: string): AgentRecord {
    const record = this.registry.find(name);
    assert.ok(record);
    return record;
  }
}

type Completed = Extract<JobOutcome, { status: "completed" }>;

/** The outcome of a job that has to be completed. */
export async function completed(job: RunningJob): Promise<Completed> {
  const outcome = await job.outcome;
  if (outcome.status !== "completed") assert.fail(outcome.error);
  return outcome;
}

/** The outcome of a job that must not be completed. */
export async function failed(job: RunningJob): Promise<Exclude<JobOutcome, Completed>> {
  const outcome = await job.outcome;
  if (outcome.status === "completed") assert.fail("the job was completed");
  return outcome;
}
