/**
 * What the control frames say, as JSON objects checked against these schemas on arrival.
 * Unknown properties are ignored, so that either side may be newer.
 * Source: docs/protocol.md, section "Messages".
 */
import Type, { type Static } from "typebox";
import {
  MAX_AGENT_CONCURRENCY,
  MAX_HEADERS,
  MAX_JOB_TIMEOUT_MS,
  MAX_LABELS,
  MAX_NAME_CHARS,
  MAX_REASON_CHARS,
  MAX_REDIRECTS,
  MAX_URL_CHARS,
} from "./limits.ts";

/** The version of the link this code speaks. */
export const PROTOCOL_VERSION = 1;

/** The WebSocket sub-protocol that selects the multiplexed profile. */
export const MUX_SUBPROTOCOL = "porchlight.mux.v1";

const Name = Type.String({ minLength: 1, maxLength: MAX_NAME_CHARS });
const ShortText = Type.String({ maxLength: MAX_REASON_CHARS });

/** Name, value, name, value, …: order, case and repetition kept. */
const HeaderList = Type.Array(Type.String(), { maxItems: MAX_HEADERS * 2 });

/** An agent's labels. */
export const Labels = Type.Record(
  Type.String({ pattern: `^[\\s\\S]{1,${MAX_NAME_CHARS}}$` }),
  Name,
  {
    maxProperties: MAX_LABELS,
    additionalProperties: false,
  },
);
export type Labels = Static<typeof Labels>;

/** What the operator limits at home, told so that the scheduler knows; enforced at the agent all the same. */
export const PolicySummary = Type.Object({
  ports: Type.Optional(Type.String({ maxLength: 1024 })),
  allowDomains: Type.Optional(Type.Array(Type.String({ maxLength: 256 }), { maxItems: 1000 })),
  denyDomains: Type.Optional(Type.Array(Type.String({ maxLength: 256 }), { maxItems: 1000 })),
  maxMbps: Type.Optional(Type.Number({ minimum: 0 })),
  monthlyCapGb: Type.Optional(Type.Number({ minimum: 0 })),
  hours: Type.Optional(Type.String({ maxLength: 32 })),
});
export type PolicySummary = Static<typeof PolicySummary>;

/** First message of the agent. */
export const Hello = Type.Object({
  version: Type.Integer(),
  agentVersion: ShortText,
  name: Name,
  os: ShortText,
  capabilities: Type.Array(ShortText, { maxItems: 64 }),
  maxConcurrency: Type.Integer({ minimum: 1, maximum: MAX_AGENT_CONCURRENCY }),
  labels: Labels,
  policy: PolicySummary,
  /** Take the identity from an older live link; `false` after having been replaced, so that nobody fights. */
  takeover: Type.Boolean(),
  /** Why the agent takes no work at the moment, if it does not. */
  paused: Type.Optional(ShortText),
});
export type Hello = Static<typeof Hello>;

/** The orchestrator's answer to HELLO. */
export const Welcome = Type.Object({
  version: Type.Integer(),
  agentId: ShortText,
  linkId: ShortText,
  heartbeatMs: Type.Integer({ minimum: 50, maximum: 3_600_000 }),
  /** The carrier is cut after this age; the agent opens a new link before. */
  maxAgeMs: Type.Optional(Type.Integer({ minimum: 1000 })),
});
export type Welcome = Static<typeof Welcome>;

/** Either side takes no new streams and leaves when the running ones have ended. */
export const Drain = Type.Object({ reason: ShortText });
export type Drain = Static<typeof Drain>;

/** The agent's own state changed: paused by its operator's limits, or active again (no `paused`). */
export const Status = Type.Object({ paused: Type.Optional(ShortText) });
export type Status = Static<typeof Status>;

/** Ids to follow one piece of work through both sides' logs. */
const traceFields = {
  jobId: ShortText,
  requestId: Type.Optional(ShortText),
};

/** Opens a tunnel. */
export const OpenTcp = Type.Object({
  kind: Type.Literal("tcp"),
  ...traceFields,
  host: Type.String({ minLength: 1, maxLength: 255 }),
  port: Type.Integer({ minimum: 1, maximum: 65_535 }),
  connectTimeoutMs: Type.Optional(Type.Integer({ minimum: 1, maximum: MAX_JOB_TIMEOUT_MS })),
});
export type OpenTcp = Static<typeof OpenTcp>;

/** Opens a job; the request body follows as data of the stream, ended by half-close. */
export const OpenHttp = Type.Object({
  kind: Type.Literal("http"),
  ...traceFields,
  /** Opaque: connections to a target are kept alive per account and never shared across. */
  account: ShortText,
  method: Type.String({ minLength: 1, maxLength: 16 }),
  url: Type.String({ minLength: 1, maxLength: MAX_URL_CHARS }),
  headers: HeaderList,
  /** Exact length of the body that follows; 0 for none. */
  bodyBytes: Type.Integer({ minimum: 0 }),
  /** Total time the agent has for this stream, connect included. */
  timeoutMs: Type.Integer({ minimum: 1, maximum: MAX_JOB_TIMEOUT_MS }),
  followRedirects: Type.Boolean(),
  maxRedirects: Type.Integer({ minimum: 0, maximum: MAX_REDIRECTS }),
  /** Largest response body; without it there is no bound. */
  maxResponseBytes: Type.Optional(Type.Integer({ minimum: 0 })),
});
export type OpenHttp = Static<typeof OpenHttp>;

/** What opens a stream: a tunnel, or one HTTP request. */
export type Open = OpenTcp | OpenHttp;

/** Answer to a `tcp` stream: the agent has connected. */
export const TcpHead = Type.Object({
  kind: Type.Literal("tcp"),
  /** The address the agent connected to. */
  address: ShortText,
  dnsMs: Type.Number({ minimum: 0 }),
  connectMs: Type.Number({ minimum: 0 }),
});
export type TcpHead = Static<typeof TcpHead>;

/** What the agent measured, in milliseconds; zeros where a kept-alive connection was used. */
export const AgentTimings = Type.Object({
  dnsMs: Type.Number({ minimum: 0 }),
  connectMs: Type.Number({ minimum: 0 }),
  tlsMs: Type.Number({ minimum: 0 }),
  /** From the stream's opening to the first byte of the final response head, redirects included. */
  ttfbMs: Type.Number({ minimum: 0 }),
});
export type AgentTimings = Static<typeof AgentTimings>;

/** Answer to an `http` stream: the target's final response head; the body follows as data. */
export const HttpHead = Type.Object({
  kind: Type.Literal("http"),
  status: Type.Integer({ minimum: 100, maximum: 999 }),
  headers: HeaderList,
  /** The URL that gave this response, after redirects. */
  url: Type.String({ minLength: 1, maxLength: MAX_URL_CHARS }),
  redirects: Type.Integer({ minimum: 0, maximum: MAX_REDIRECTS }),
  timings: AgentTimings,
  /**
   * Set instead of a body on a redirect that needs the request body again (307, 308): the opener sends the
   * job anew with these, since the agent keeps no copy of the body.
   */
  resend: Type.Optional(
    Type.Object({
      url: Type.String({ minLength: 1, maxLength: MAX_URL_CHARS }),
      headers: HeaderList,
    }),
  ),
});
export type HttpHead = Static<typeof HttpHead>;

/** What an agent answers first on a stream of that kind. */
export type Head = TcpHead | HttpHead;

/** Trailer fields, as a header list. */
export const Trailers = HeaderList;
export type Trailers = Static<typeof Trailers>;
