/** A small client of the job API for tests: one connection per call, nothing retried, nothing hidden. */
import { request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import type { AgentView, JobRequest, JobResult, Problem } from "@porchlight/protocol/job";

/** Which orchestrator is asked, and as whom. */
export interface ApiClientOptions {
  /** Like `http://127.0.0.1:8080`. */
  readonly origin: string;
  /** No key: no Authorization header. */
  readonly key?: string;
  /** PEM of the authority behind an https origin. */
  readonly ca?: string;
}

/** One call; GET by default. */
export interface ApiCall {
  readonly method?: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  readonly signal?: AbortSignal;
}

/** An answer whose body has not been read. */
export interface ApiStream {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: IncomingMessage;
}

/** An answer in full. */
export interface ApiAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** Calls one orchestrator with one key. */
export class ApiClient {
  readonly #options: ApiClientOptions;

  constructor(options: ApiClientOptions) {
    this.#options = options;
  }

  /** The same server with another key, or with none. */
  withKey(key: string | undefined): ApiClient {
    const { key: _, ...rest } = this.#options;
    return new ApiClient(key === undefined ? rest : { ...rest, key });
  }

  /** Any call; resolves with the head, the body still to be read. */
  stream(call: ApiCall): Promise<ApiStream> {
    const { origin, key, ca } = this.#options;
    const request = origin.startsWith("https:") ? httpsRequest : httpRequest;
    return new Promise((resolve, reject) => {
      const outgoing = request(`${origin}${call.path}`, {
        method: call.method ?? "GET",
        agent: false,
        headers: {
          ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
          ...call.headers,
        },
        ...(ca === undefined ? {} : { ca }),
        ...(call.signal === undefined ? {} : { signal: call.signal }),
      });
      outgoing.once("error", reject);
      outgoing.once("response", (body) => {
        // An answer may come, and the connection end, while the request body is still being sent.
        outgoing.on("error", () => undefined);
        resolve({ status: body.statusCode ?? 0, headers: body.headers, body });
      });
      outgoing.end(call.body);
    });
  }

  /** Any call, read to its end; rejects when the body is cut. */
  async call(call: ApiCall): Promise<ApiAnswer> {
    const { status, headers, body } = await this.stream(call);
    const chunks: Buffer[] = [];
    for await (const chunk of body) chunks.push(chunk as Buffer);
    return { status, headers, body: Buffer.concat(chunks) };
  }

  /** `POST /v1/request` with any JSON, good or bad. */
  post(job: unknown, signal?: AbortSignal): Promise<ApiAnswer> {
    return this.call({ ...postOf(job), ...(signal === undefined ? {} : { signal }) });
  }

  /**
   * Runs a job.
   * @throws {Error} with the problem when the answer is not 200.
   */
  async run(job: JobRequest): Promise<JobResult> {
    const answer = await this.post(job);
    if (answer.status !== 200) throw new Error(`${answer.status}: ${answer.body.toString()}`);
    return json(answer) as JobResult;
  }

  /**
   * Runs a job that has to fail.
   * @throws {Error} when it succeeds.
   */
  async fail(job: unknown): Promise<Problem> {
    const answer = await this.post(job);
    if (answer.status === 200) throw new Error("The job succeeded");
    return json(answer) as Problem;
  }

  /** Runs a job with `format: raw`; the body is still to be read. */
  raw(job: Omit<JobRequest, "format">, signal?: AbortSignal): Promise<ApiStream> {
    return this.stream({
      ...postOf({ ...job, format: "raw" }),
      ...(signal === undefined ? {} : { signal }),
    });
  }

  async agents(): Promise<AgentView[]> {
    const answer = await this.call({ path: "/v1/agents" });
    if (answer.status !== 200) throw new Error(`${answer.status}: ${answer.body.toString()}`);
    return (json(answer) as { agents: AgentView[] }).agents;
  }
}

/** The JSON of an answer. */
export function json(answer: ApiAnswer): unknown {
  return JSON.parse(answer.body.toString());
}

/** Body of a result as text. */
export function bodyText(result: JobResult): string {
  return Buffer.from(result.body, result.bodyEncoding).toString();
}

function postOf(job: unknown): ApiCall {
  return {
    method: "POST",
    path: "/v1/request",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(job),
  };
}
