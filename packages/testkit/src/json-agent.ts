/** A scripted agent of the JSON profile: does to the orchestrator what a test wants, good or bad. */
import { openAgentSocket, type AgentSocket, type AgentSocketOptions } from "./agent-socket.ts";
import { until } from "./until.ts";

/** The job message of the JSON profile. Source: contract, section "Agent link". */
export interface JsonJob {
  readonly type: "job";
  readonly jobId: string;
  readonly url: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  /** Base64. */
  readonly body: string | null;
  readonly timeoutMs: number;
  readonly followRedirects: boolean;
  readonly maxRedirects: number;
  readonly maxResponseBytes?: number;
}

/** Any message of the orchestrator. */
export interface JsonMessage {
  readonly type: string;
  readonly jobId?: string;
  readonly t?: unknown;
}

/** How the agent comes in, and what it answers by itself. */
export interface JsonAgentOptions extends AgentSocketOptions {
  /** Fields of the hello message; without it none is sent, which means one job at a time. */
  readonly hello?: Readonly<Record<string, unknown>>;
  /** Called for each job; without it jobs are only collected. */
  readonly onJob?: (job: JsonJob, agent: JsonAgent) => void;
  /** Answers pings, those of the WebSocket too; default true. */
  readonly answersPings?: boolean;
}

/** A connected agent with all it was told; leaving its scope cuts the connection. */
export class JsonAgent implements Disposable {
  readonly socket: AgentSocket;
  readonly jobs: JsonJob[] = [];
  readonly messages: JsonMessage[] = [];

  constructor(socket: AgentSocket, options: JsonAgentOptions) {
    this.socket = socket;
    socket.onMessage((data) => {
      const message = JSON.parse(data.toString()) as JsonMessage;
      this.messages.push(message);
      if (message.type === "ping" && options.answersPings !== false) {
        this.send({ type: "pong", t: message.t });
      }
      if (message.type !== "job") return;
      const job = message as JsonJob;
      this.jobs.push(job);
      options.onJob?.(job, this);
    });
    if (options.hello) this.send({ type: "hello", ...options.hello });
  }

  /** Sends any JSON. */
  send(message: unknown): void {
    this.socket.send(JSON.stringify(message));
  }

  /** Answers a job with a body of text and the fields given. */
  answer(jobId: string, body = "ok", fields: Readonly<Record<string, unknown>> = {}): void {
    const base64 = Buffer.from(body).toString("base64");
    this.send({ type: "result", jobId, statusCode: 200, headers: {}, body: base64, ...fields });
  }

  /** Waits for the job number `count` (from 1). */
  untilJob(count = 1, deadlineMs = 5_000): Promise<JsonJob> {
    return until(`job number ${count} at the agent`, () => this.jobs[count - 1], deadlineMs);
  }

  /** Waits for a message of this type. */
  untilMessage(type: string, deadlineMs = 5_000): Promise<JsonMessage> {
    const find = (): JsonMessage | undefined => this.messages.find((each) => each.type === type);
    return until(`a ${type} message at the agent`, find, deadlineMs);
  }

  [Symbol.dispose](): void {
    this.socket[Symbol.dispose]();
  }
}

/**
 * Connects a scripted agent of the JSON profile.
 * @throws {Error} when the upgrade is refused.
 */
export async function connectJsonAgent(options: JsonAgentOptions): Promise<JsonAgent> {
  const { answersPings: autoPong = true } = options;
  return new JsonAgent(await openAgentSocket({ autoPong, ...options }), options);
}
