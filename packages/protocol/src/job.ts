/**
 * The public shapes of the job API: what a client sends and what it gets back.
 * Source: contract, section "HTTP API".
 */
import Type, { type Static } from "typebox";
import {
  MAX_HEADERS,
  MAX_JOB_TIMEOUT_MS,
  MAX_NAME_CHARS,
  MAX_REDIRECTS,
  MAX_RETRIES,
  MAX_URL_CHARS,
} from "./limits.ts";
import { Labels } from "./message.ts";
import { COUNTRY_PATTERN, SESSION_PATTERN } from "./schema-rule.ts";
import type { ErrorCode, Fault } from "./errors.ts";

/** The methods a job may use. CONNECT and TRACE are not among them: a job is no tunnel and no probe. */
export const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] as const;

/** One of `METHODS`. */
export type Method = (typeof METHODS)[number];

/** Methods whose repetition changes nothing more. Source: RFC 9110 §9.2.2. */
export const IDEMPOTENT_METHODS: ReadonlySet<string> = new Set([
  "GET",
  "HEAD",
  "PUT",
  "DELETE",
  "OPTIONS",
]);

const Name = Type.String({ minLength: 1, maxLength: MAX_NAME_CHARS });

/** Where a job should leave: shared by the job API's fields and the proxy's username. */
const targetingFields = {
  country: Type.Optional(Type.String({ pattern: COUNTRY_PATTERN })),
  region: Type.Optional(Name),
  city: Type.Optional(Name),
  asn: Type.Optional(Type.Integer({ minimum: 1, maximum: 4_294_967_295 })),
  labels: Type.Optional(Labels),
  /** Id or name. */
  agent: Type.Optional(Name),
  session: Type.Optional(Type.String({ pattern: SESSION_PATTERN })),
  /** Seconds. */
  sessionTtl: Type.Optional(Type.Integer({ minimum: 1, maximum: 86_400 })),
  sessionStrict: Type.Optional(Type.Boolean()),
};

const tagField = { tag: Type.Optional(Type.String({ maxLength: 256 })) };

/** What every door takes of routing: fields of a job, parameters of a proxy username. */
export const RequestFields = Type.Object(
  { ...targetingFields, ...tagField },
  { additionalProperties: false },
);
export type RequestFields = Static<typeof RequestFields>;

/** The body of `POST /v1/request`. Names and values of headers are judged beyond this schema. */
export const JobRequest = Type.Object(
  {
    url: Type.String({ minLength: 1, maxLength: MAX_URL_CHARS }),
    method: Type.Optional(Type.Enum([...METHODS])),
    headers: Type.Optional(
      Type.Record(
        Type.String(),
        Type.Union([Type.String(), Type.Array(Type.String(), { maxItems: MAX_HEADERS })]),
        { maxProperties: MAX_HEADERS },
      ),
    ),
    body: Type.Optional(Type.String()),
    bodyBase64: Type.Optional(Type.String()),
    timeoutMs: Type.Optional(Type.Integer({ minimum: 1, maximum: MAX_JOB_TIMEOUT_MS })),
    followRedirects: Type.Optional(Type.Boolean()),
    maxRedirects: Type.Optional(Type.Integer({ minimum: 0, maximum: MAX_REDIRECTS })),
    maxResponseBytes: Type.Optional(Type.Integer({ minimum: 0 })),
    maxRetries: Type.Optional(Type.Integer({ minimum: 0, maximum: MAX_RETRIES })),
    retryUnsafe: Type.Optional(Type.Boolean()),
    ...targetingFields,
    priority: Type.Optional(Type.Integer({ minimum: 0, maximum: 9 })),
    format: Type.Optional(Type.Enum(["json", "raw"])),
    bodyEncoding: Type.Optional(Type.Enum(["base64", "utf8"])),
    ...tagField,
    metadata: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
    callbackUrl: Type.Optional(Type.String({ maxLength: MAX_URL_CHARS })),
  },
  { additionalProperties: false },
);
export type JobRequest = Static<typeof JobRequest>;

/** States of a job. Source: contract, "Status". */
export const JOB_STATUSES = ["pending", "sent", "completed", "failed", "cancelled"] as const;

/** One of `JOB_STATUSES`. */
export type JobStatus = (typeof JOB_STATUSES)[number];

/** One try of a job on one agent. */
export interface Attempt {
  /** Agent id. */
  readonly agent: string;
  /** Why it failed; absent on the one that succeeded. */
  readonly error?: ErrorCode;
  /** From choosing the agent to the attempt's end. Milliseconds. */
  readonly ms: number;
}

/** The exit that served a job: the agent and what is observed of its line. */
export interface Exit {
  readonly agentId: string;
  readonly name: string;
  readonly ip: string;
  readonly country?: string;
  readonly region?: string;
  readonly city?: string;
  readonly asn?: number;
}

/** A sticky session as an answer shows it. */
export interface SessionView {
  readonly id: string;
  /** This request has left through another exit than the one before. */
  readonly moved: boolean;
  /** When it ends at the latest: ISO 8601, UTC. */
  readonly expiresAt: string;
}

/** Milliseconds; `queueMs` is waiting for an agent, `totalMs` from the job's acceptance to its last byte. */
export interface JobTimings {
  readonly queueMs: number;
  readonly dnsMs: number;
  readonly connectMs: number;
  readonly tlsMs: number;
  readonly ttfbMs: number;
  readonly totalMs: number;
}

/** A completed job as JSON. A target's 404 is a completed job with `statusCode` 404. */
export interface JobResult {
  readonly id: string;
  readonly status: JobStatus;
  readonly statusCode: number;
  /** Final URL, after redirects. */
  readonly url: string;
  /** Lower-case name → value, or list where the target repeated it. */
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  readonly body: string;
  readonly bodyEncoding: "base64" | "utf8";
  readonly truncated: boolean;
  readonly attempts: readonly Attempt[];
  readonly exit: Exit;
  readonly bytes: { readonly sent: number; readonly received: number };
  readonly timings: JobTimings;
  readonly session?: SessionView;
  readonly tag?: string;
  readonly metadata?: Readonly<Record<string, unknown>>;
}

/** `application/problem+json`. Source: RFC 9457, contract "Error". */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: ErrorCode;
  readonly fault: Fault;
  readonly retryable: boolean;
  readonly requestId: string;
  readonly jobId?: string;
  readonly attempts?: readonly Attempt[];
}

/** Whether an agent takes work now; those after `available` do not. */
export const AGENT_STATUSES = ["available", "busy", "paused", "draining", "offline"] as const;

/** One of `AGENT_STATUSES`. */
export type AgentStatus = (typeof AGENT_STATUSES)[number];

/** An agent as `GET /v1/agents` shows it. Times are ISO 8601, UTC. */
export interface AgentView {
  readonly id: string;
  readonly name: string;
  readonly status: AgentStatus;
  readonly connectedAt: string | null;
  readonly lastSeenAt: string;
  readonly ip: string;
  readonly country?: string;
  readonly region?: string;
  readonly city?: string;
  readonly asn?: number;
  readonly org?: string;
  readonly version: string;
  readonly os: string;
  readonly profile: "mux" | "json";
  readonly labels: Labels;
  readonly inFlight: number;
  readonly maxConcurrency: number;
  readonly rttMs: number | null;
  readonly jobs: { readonly completed: number; readonly failed: number };
  readonly bytes: { readonly sent: number; readonly received: number };
}
