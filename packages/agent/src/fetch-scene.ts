/** For tests of jobs: a pool, a job on a fake stream, and answers of targets. */
import type { Socket } from "node:net";
import type { TestContext } from "node:test";
import type { OpenHttp } from "@porchlight/protocol/message";
import { type TargetPolicy, parseCidrs, parsePorts } from "@porchlight/runtime/target-policy";
import { ConnectionPool } from "./connection-pool.ts";
import { FakeStream, type ScriptedTarget, startTarget } from "./fake-stream.ts";
import { Fetch } from "./fetch.ts";
import type { WorkResult } from "./work.ts";

/** Loopback as a target on any port, and nothing else that is not public. */
export const POLICY: TargetPolicy = { ports: parsePorts("*"), allow: parseCidrs("127.0.0.0/8") };

/** A job under way and what can be seen of it. */
export interface Job {
  readonly stream: FakeStream;
  readonly fetch: Fetch;
  readonly results: WorkResult[];
}

/** A pool that gives its connections back when the test ends. */
export function poolFor(context: TestContext, policy = POLICY): ConnectionPool {
  const pool = new ConnectionPool(() => policy);
  context.after(() => pool.closeIdle());
  return pool;
}

/** Starts a job: a GET of 5 s with redirects, except for what `open` says. */
export function begin(pool: ConnectionPool, open: Partial<OpenHttp>, policy = POLICY): Job {
  const stream = new FakeStream();
  const results: WorkResult[] = [];
  const full: OpenHttp = {
    kind: "http",
    jobId: "job_1",
    account: "shop",
    method: "GET",
    url: "http://127.0.0.1/",
    headers: [],
    bodyBytes: 0,
    timeoutMs: 5_000,
    followRedirects: true,
    maxRedirects: 10,
    ...open,
  };
  const onEnded = (result: WorkResult): number => results.push(result);
  const fetch = new Fetch(stream, full, { pool, policy: () => policy, onEnded });
  fetch.start();
  return { stream, fetch, results };
}

/** Runs a job until its stream is over. */
export async function run(
  pool: ConnectionPool,
  open: Partial<OpenHttp>,
  policy = POLICY,
): Promise<Job> {
  const job = begin(pool, open, policy);
  await job.stream.over;
  return job;
}

/** A target that answers every request with the same bytes. */
export function answering(response: string): Promise<ScriptedTarget> {
  return startTarget((socket) => socket.write(response, "latin1"));
}

/** The bytes of a 200 with this body; `headers` are whole lines with their CRLF, `body` is ASCII. */
export function ok(body: string, headers = ""): string {
  return `HTTP/1.1 200 OK\r\n${headers}Content-Length: ${body.length}\r\n\r\n${body}`;
}

/** The path of the last request that came on a socket; empty when none did. */
export function pathOf(target: ScriptedTarget, socket: Socket): string {
  const text = target.requests[target.sockets.indexOf(socket)] ?? "";
  return text.split("\r\n\r\n").at(-2)?.split(" ")[1] ?? "";
}
