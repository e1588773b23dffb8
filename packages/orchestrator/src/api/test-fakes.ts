/** Hand-written fakes for the tests of this room, and the API on a loopback port. */
import { createServer, type Server } from "node:http";
import { ProxyError, type ErrorCode } from "@porchlight/protocol/errors";
import type { Attempt } from "@porchlight/protocol/job";
import type { HttpHead } from "@porchlight/protocol/message";
import { parseCidrs, parsePorts } from "@porchlight/runtime/target-policy";
import { listenOnLoopback } from "@porchlight/testkit/listen";
import type { Principal, Role } from "../accounts/principal.ts";
import { Registry } from "../agents/registry.ts";
import type { Job, JobOutcome, JobSink, RunningJob, Serving } from "../jobs/job.ts";
import { createApi, type Api, type ApiOptions } from "./api.ts";
import type { KeyRing } from "./bearer.ts";
import { ConnectionLimit } from "../http/connection-limit.ts";
import type { JobRunner } from "./ports.ts";

/** One key per role, each named after it. */
export const KEYS: KeyRing = {
  authenticate: (presented): Principal | undefined => {
    const role = (["client", "admin", "agent"] satisfies Role[]).find((it) => it === presented);
    if (role === undefined) return undefined;
    return { keyId: `static:${role}:test`, account: `account-${role}`, name: "test", role };
  },
};

/** The exit of every job that the fakes complete. */
export const EXIT = { agentId: "agent_1", name: "home", ip: "203.0.113.9" };

/** A job that a test lets begin, go on and end. */
export class FakeRun implements RunningJob {
  readonly job: Job;
  readonly sink: JobSink;
  readonly outcome: Promise<JobOutcome>;
  /** Resolves with the reason when the job is cancelled while it runs. */
  readonly cancelled: Promise<string>;
  /** Bytes given back so far. */
  consumedBytes = 0;
  readonly #settle: (outcome: JobOutcome) => void;
  readonly #cancel: (reason: string) => void;
  #serving: Serving | undefined;
  #ended = false;

  constructor(job: Job, sink: JobSink) {
    this.job = job;
    this.sink = sink;
    const outcome = Promise.withResolvers<JobOutcome>();
    this.outcome = outcome.promise;
    this.#settle = outcome.resolve;
    const cancelled = Promise.withResolvers<string>();
    this.cancelled = cancelled.promise;
    this.#cancel = cancelled.resolve;
  }

  cancel(reason: string): void {
    if (this.#ended) return;
    this.#cancel(reason);
    this.fail("cancelled", reason);
  }

  /** The target's head arrives. */
  begin(head: Partial<HttpHead> = {}): this {
    this.#serving = {
      head: {
        kind: "http",
        status: 200,
        headers: [],
        url: this.job.url,
        redirects: 0,
        timings: { dnsMs: 0, connectMs: 0, tlsMs: 0, ttfbMs: 0 },
        ...head,
      },
      exit: EXIT,
      attempts: [{ agent: EXIT.agentId, ms: 1 }],
    };
    this.sink.begin(this.#serving);
    return this;
  }

  data(chunk: Uint8Array | string): this {
    return this.lend(Buffer.from(chunk));
  }

  /** As `data`, with memory that is the sink's during the call only. */
  lend(chunk: Uint8Array): this {
    this.sink.data(chunk, (bytes) => (this.consumedBytes += bytes));
    return this;
  }

  complete(): void {
    const serving = this.#serving;
    if (serving === undefined) throw new TypeError("It has not begun");
    this.#end({
      status: "completed",
      serving,
      attempts: serving.attempts,
      bytes: { sent: this.job.body?.length ?? 0, received: 0 },
      timings: { queueMs: 0, dnsMs: 0, connectMs: 0, tlsMs: 0, ttfbMs: 0, totalMs: 1 },
    });
  }

  fail(code: ErrorCode, message: string, attempts: readonly Attempt[] = []): void {
    const status = code === "cancelled" ? "cancelled" : "failed";
    this.#end({ status, error: new ProxyError(code, message), attempts });
  }

  #end(outcome: JobOutcome): void {
    this.#ended = true;
    this.#settle(outcome);
  }
}

/** Runs nothing; hands every job to the test. */
export class FakeJobs implements JobRunner {
  readonly runs: FakeRun[] = [];
  /** What to do with a job at once. */
  onRun: ((run: FakeRun) => void) | undefined;
  #waiting: ((run: FakeRun) => void) | undefined;

  run(job: Job, sink: JobSink): RunningJob {
    const run = new FakeRun(job, sink);
    this.runs.push(run);
    // The real one starts in the same tick too, but nobody hears of its outcome before `run` returns.
    this.onRun?.(run);
    this.#waiting?.(run);
    return run;
  }

  /** The next job that is asked for. */
  next(): Promise<FakeRun> {
    const { promise, resolve } = Promise.withResolvers<FakeRun>();
    this.#waiting = resolve;
    return promise;
  }
}

/** The API as it runs in a test. */
export interface RunningApi extends AsyncDisposable {
  readonly origin: string;
  readonly port: number;
  readonly server: Server;
  readonly api: Api;
  readonly limit: ConnectionLimit;
  readonly jobs: FakeJobs;
  readonly registry: Registry;
  /** Lines at level error. */
  readonly errors: unknown[];
  /** What a test changes while it runs. */
  readonly state: { draining: boolean };
}

/** Starts the API over fakes on a free loopback port. */
export async function startApi(options: Partial<ApiOptions> = {}): Promise<RunningApi> {
  const limit = options.connectionLimit ?? new ConnectionLimit();
  const jobs = new FakeJobs();
  const registry = new Registry();
  const errors: unknown[] = [];
  const state = { draining: false };
  const api = await createApi({
    keys: KEYS,
    jobs,
    pool: registry,
    rules: {
      timeoutMs: 30_000,
      maxResponseBytes: 10_485_760,
      targets: { ports: parsePorts("80,443"), allow: [] },
      geo: { places: false, networks: false },
    },
    maxBodyBytes: 65_536,
    trustProxy: parseCidrs("127.0.0.1"),
    version: "1.2.3",
    logger: { debug: () => undefined, error: (line: unknown) => errors.push(line) },
    isDraining: () => state.draining,
    ...options,
    connectionLimit: limit,
  });
  const server = createServer({ requireHostHeader: false }, api.handle);
  api.protect(server);
  const port = await listenOnLoopback(server);
  return {
    origin: `http://127.0.0.1:${port}`,
    port,
    server,
    api,
    limit,
    jobs,
    registry,
    errors,
    state,
    [Symbol.asyncDispose]: async () => {
      server.close();
      server.closeAllConnections();
      await api.close();
    },
  };
}
