/** Shapes of answers, for the OpenAPI document. */
import { ERRORS, type ErrorCode } from "@porchlight/protocol/errors";
import {
  AGENT_STATUSES,
  type AgentView,
  type Attempt,
  type Exit,
  JOB_STATUSES,
  type JobResult,
  type JobTimings,
  type Problem,
  type SessionView,
} from "@porchlight/protocol/job";
import Type, { type TSchema } from "typebox";

/** One schema per property of a shape: a new property without a schema does not compile. */
type SchemasOf<Shape> = { readonly [Name in keyof Required<Shape>]: TSchema };

const text = (description: string): TSchema => Type.String({ description });
const count = (description: string): TSchema => Type.Integer({ minimum: 0, description });
const ms = (description: string): TSchema => Type.Number({ minimum: 0, description });

/** Every code of the error table. */
export const errorCodeSchema = Type.Enum(Object.keys(ERRORS) as ErrorCode[], {
  $id: "ErrorCode",
  title: "ErrorCode",
});

const errorCode = Type.Unsafe<ErrorCode>({ $ref: "ErrorCode#" });

const place = {
  country: Type.Optional(text("ISO 3166-1 alpha-2; like the rest of its location, where known")),
  region: Type.Optional(text("Largest subdivision of the country")),
  city: Type.Optional(Type.String()),
  asn: Type.Optional(Type.Integer({ description: "Number of the network's autonomous system" })),
};

const attemptSchema = Type.Object({
  agent: text("Agent id"),
  /** Absent on the one that succeeded. */
  error: Type.Optional(errorCode),
  ms: ms("From choosing the agent to the attempt's end"),
} satisfies SchemasOf<Attempt>);

const exitSchema = Type.Object({
  agentId: text("Agent id"),
  name: text("Agent name"),
  ip: text("Public address of the agent, as observed"),
  ...place,
} satisfies SchemasOf<Exit>);

const timingsSchema = Type.Object({
  queueMs: ms("Waiting for an agent"),
  dnsMs: ms("Name resolution at the agent; 0 on a kept-alive connection"),
  connectMs: ms("TCP connect"),
  tlsMs: ms("TLS handshake"),
  ttfbMs: ms("At the agent, from the start to the first byte of the answer"),
  totalMs: ms("From acceptance to the last byte"),
} satisfies SchemasOf<JobTimings>);

const bytesSchema = Type.Object({
  sent: count("To the target"),
  received: count("From the target"),
});

const sessionSchema = Type.Object({
  id: text("As given"),
  moved: Type.Boolean({ description: "Another exit than the request before it had" }),
  expiresAt: Type.String({ format: "date-time" }),
} satisfies SchemasOf<SessionView>);

const RESULT_EXAMPLE: JobResult = {
  id: "job_0123456789abcdefghjkmnpq",
  status: "completed",
  statusCode: 200,
  url: "https://example.com/",
  headers: { "content-type": "text/plain", "set-cookie": ["a=1", "b=2"] },
  body: "SGVsbG8=",
  bodyEncoding: "base64",
  truncated: false,
  attempts: [{ agent: "agent_0123456789abcdefghjk", ms: 84 }],
  exit: {
    agentId: "agent_0123456789abcdefghjk",
    name: "kitchen",
    ip: "203.0.113.7",
    country: "PT",
    region: "Lisbon",
    city: "Lisbon",
    asn: 64496,
  },
  bytes: { sent: 0, received: 5 },
  timings: { queueMs: 0, dnsMs: 12, connectMs: 18, tlsMs: 21, ttfbMs: 79, totalMs: 84 },
};

/** A completed job. */
export const jobResultSchema = Type.Object(
  {
    id: text("Job id"),
    status: Type.Enum([...JOB_STATUSES]),
    statusCode: Type.Integer({ description: "The target's status; its 404 is a completed job" }),
    url: text("Final URL, after redirects"),
    headers: Type.Record(Type.String(), Type.Union([Type.String(), Type.Array(Type.String())]), {
      description: "Lower-case name → value, or list where the target repeated it",
    }),
    body: text("As bodyEncoding says"),
    bodyEncoding: Type.Enum(["base64", "utf8"]),
    truncated: Type.Boolean(),
    attempts: Type.Array(attemptSchema),
    exit: exitSchema,
    bytes: bytesSchema,
    timings: timingsSchema,
    session: Type.Optional(sessionSchema),
    tag: Type.Optional(text("As given")),
    metadata: Type.Optional(
      Type.Object({}, { additionalProperties: true, description: "As given" }),
    ),
  } satisfies SchemasOf<JobResult>,
  { $id: "JobResult", title: "JobResult", examples: [RESULT_EXAMPLE] },
);

const AGENT_EXAMPLE: AgentView = {
  id: "agent_0123456789abcdefghjk",
  name: "kitchen",
  status: "available",
  connectedAt: "2026-01-31T08:00:00.000Z",
  lastSeenAt: "2026-01-31T09:30:00.000Z",
  ip: "203.0.113.7",
  country: "PT",
  region: "Lisbon",
  city: "Lisbon",
  asn: 64496,
  org: "Example Telecom",
  version: "1.0.0",
  os: "linux x64",
  profile: "mux",
  labels: { site: "lisbon" },
  inFlight: 0,
  maxConcurrency: 8,
  rttMs: 23.4,
  jobs: { completed: 12, failed: 0 },
  bytes: { sent: 5120, received: 20480 },
};

/** An agent of the pool. */
export const agentSchema = Type.Object(
  {
    id: text("Agent id"),
    name: text("Given by its operator"),
    status: Type.Enum([...AGENT_STATUSES], { description: "Only available takes new work" }),
    connectedAt: Type.Union([Type.String({ format: "date-time" }), Type.Null()]),
    lastSeenAt: Type.String({ format: "date-time" }),
    ip: text("Public address, as observed"),
    ...place,
    org: Type.Optional(text("Whose network it is")),
    version: text("Of the agent program"),
    os: Type.String(),
    profile: Type.Enum(["mux", "json"], { description: "How its link works" }),
    labels: Type.Record(Type.String(), Type.String()),
    inFlight: count("Jobs and tunnels under way"),
    maxConcurrency: count("Jobs and tunnels at a time"),
    rttMs: Type.Union([Type.Number(), Type.Null()], { description: "Smoothed round trip" }),
    jobs: Type.Object({
      completed: count("Since it is known"),
      failed: count("Since it is known"),
    }),
    bytes: bytesSchema,
  } satisfies SchemasOf<AgentView>,
  { $id: "Agent", title: "Agent", examples: [AGENT_EXAMPLE] },
);

/** Any refusal or failure. Source: RFC 9457. */
export const problemSchema = Type.Object(
  {
    type: text("urn:porchlight:error: and the code"),
    title: text("Short, the same for every occurrence"),
    status: Type.Integer({ description: "HTTP status" }),
    detail: text("What was wrong this time"),
    code: errorCode,
    fault: Type.Enum(["client", "orchestrator", "agent", "target"], {
      description: "Who has to change something",
    }),
    retryable: Type.Boolean({ description: "Whether asking again can help" }),
    requestId: text("For logs and questions"),
    jobId: Type.Optional(Type.String()),
    attempts: Type.Optional(Type.Array(attemptSchema)),
  } satisfies SchemasOf<Problem>,
  {
    $id: "Problem",
    title: "Problem",
    examples: [
      {
        type: "urn:porchlight:error:no_agent_available",
        title: "No agent available",
        status: 503,
        detail: "No agent became free within 5000 ms",
        code: "no_agent_available",
        fault: "orchestrator",
        retryable: true,
        requestId: "req_0123456789abcdefghjkmnpq",
        attempts: [],
      },
    ],
  },
);
