/** The job request for the OpenAPI document: what each field means, its default, an example. */
import type { JobRequest } from "@porchlight/protocol/job";
import { JobRequest as JobRequestShape } from "@porchlight/protocol/job";
import { MAX_METADATA_CHARS } from "@porchlight/protocol/limits";
import { JOB_DEFAULTS } from "../jobs/job-request.ts";
import { DEFAULT_TTL_SECONDS } from "../routing/request-options.ts";

interface FieldNote {
  readonly description: string;
  readonly default?: string | number | boolean;
}

const NOT_YET = "Not available yet: refused.";

const NEEDS_PLACES = "Needs the orchestrator's ORCH_GEOIP_DB.";
const PLACE_NAMES = "Case, accents and punctuation do not count; _ stands for a space.";

/** Field → what it means; a field without a note does not compile. */
const NOTES: Readonly<Record<keyof JobRequest, FieldNote>> = {
  url: { description: "Absolute http or https URL, without user name and password." },
  method: { description: "HTTP method.", default: JOB_DEFAULTS.method },
  headers: {
    description:
      "Name → value, or a list of values. The agent writes Host and everything that frames the message.",
  },
  body: { description: "Request body as text, sent as UTF-8. Not with GET or HEAD." },
  bodyBase64: { description: "Request body as padded Base64, instead of body." },
  timeoutMs: {
    description:
      "From acceptance to the last byte of the answer, waiting and retries included. The default is the orchestrator's ORCH_JOB_TIMEOUT_MS.",
  },
  followRedirects: {
    description: "Whether the agent follows redirects.",
    default: JOB_DEFAULTS.followRedirects,
  },
  maxRedirects: {
    description: "Redirects that are followed at most.",
    default: JOB_DEFAULTS.maxRedirects,
  },
  maxResponseBytes: {
    description:
      "Longer answers fail with response_too_large. Default: ORCH_MAX_BODY_BYTES with format json, none with raw.",
  },
  maxRetries: {
    description: "Further agents that are tried at most, only where repeating is safe.",
    default: JOB_DEFAULTS.maxRetries,
  },
  retryUnsafe: {
    description: "Repeat even a method that is not idempotent, such as POST.",
    default: JOB_DEFAULTS.retryUnsafe,
  },
  country: { description: `Only agents in this country: ISO 3166-1 alpha-2. ${NEEDS_PLACES}` },
  region: {
    description: `Only agents in this region: its name, or its ISO 3166-2 code with or without the country. ${PLACE_NAMES} ${NEEDS_PLACES}`,
  },
  city: { description: `Only agents in this city. ${PLACE_NAMES} ${NEEDS_PLACES}` },
  asn: {
    description:
      "Only agents on this network: the number of its autonomous system. Needs the orchestrator's ORCH_ASN_DB.",
  },
  labels: {
    description: "Only agents that have all of these labels. In a value, _ stands for a space too.",
  },
  agent: { description: "Only the agent with this id or name; _ stands for a space too." },
  session: {
    description:
      "Any name: jobs of this client with the same one leave through the same exit. It ends after 60 s without a job, or at the end of its sessionTtl; all its jobs have to give the same agent, labels and place.",
  },
  sessionTtl: {
    description: "Longest life of the session, from its first job on, which decides. Seconds.",
    default: DEFAULT_TTL_SECONDS,
  },
  sessionStrict: {
    description:
      "When the session's exit is gone, fail with session_lost instead of going on through another one.",
    default: false,
  },
  priority: {
    description: "Order of waiting jobs: 9 is served first.",
    default: JOB_DEFAULTS.priority,
  },
  format: {
    description: "json: one document with everything. raw: the target's answer as it comes.",
    default: JOB_DEFAULTS.format,
  },
  bodyEncoding: {
    description:
      "How format json holds the body; utf8 falls back to base64 when the body is no UTF-8.",
    default: JOB_DEFAULTS.bodyEncoding,
  },
  tag: { description: "Any text; echoed." },
  metadata: {
    description: `Any object of at most ${MAX_METADATA_CHARS} characters as JSON; echoed.`,
  },
  callbackUrl: { description: NOT_YET },
};

const EXAMPLES: readonly JobRequest[] = [
  { url: "https://example.com/", bodyEncoding: "utf8" },
  {
    url: "https://example.com/form",
    method: "POST",
    headers: { "content-type": "application/json" },
    body: '{"q":1}',
    timeoutMs: 10_000,
    labels: { site: "lisbon" },
  },
];

/** Schema of the body of `POST /v1/request`. */
export const jobRequestSchema = {
  ...JobRequestShape,
  $id: "JobRequest",
  title: "JobRequest",
  properties: Object.fromEntries(
    Object.entries(JobRequestShape.properties).map(([field, schema]) => [
      field,
      { ...schema, ...NOTES[field as keyof JobRequest] },
    ]),
  ),
  examples: EXAMPLES,
};
