/**
 * The body of `POST /v1/request` → a job. Nothing here does I/O: what is refused has cost a parse, and no agent
 * ever sees it.
 */
import { ProxyError } from "@porchlight/protocol/errors";
import type { JobRequest } from "@porchlight/protocol/job";
import { MAX_BUFFERED_RESPONSE_BYTES } from "@porchlight/protocol/limits";
import type { TargetPolicy } from "@porchlight/runtime/target-policy";
import { requestOptions, type GeoKnowledge } from "../routing/request-options.ts";
import { parseJobBody } from "./job-request-body.ts";
import { parseJobHeaders } from "./job-request-headers.ts";
import { checkMetadata } from "./job-request-metadata.ts";
import { checkJobRequest } from "./job-request-shape.ts";
import { parseJobUrl } from "./job-request-url.ts";
import type { Job } from "./job.ts";

/** What a job gets that asks for nothing else. Source: contract, "Job". */
export const JOB_DEFAULTS = {
  method: "GET",
  followRedirects: true,
  maxRedirects: 10,
  maxRetries: 2,
  retryUnsafe: false,
  priority: 5,
  format: "json",
  bodyEncoding: "base64",
} as const satisfies Partial<JobRequest>;

/** What a job does not say of itself. */
export interface JobOrigin {
  readonly jobId: string;
  readonly requestId: string;
  readonly account: string;
}

/** What this orchestrator lets a job do. */
export interface JobRules {
  /** `timeoutMs` of a job that gives none. */
  readonly timeoutMs: number;
  /** `maxResponseBytes` of a job that gives none and is answered as JSON. */
  readonly maxResponseBytes: number;
  readonly targets: TargetPolicy;
  readonly geo: GeoKnowledge;
}

/** A job, and how its answer is wanted. */
export interface JobOrder {
  readonly job: Job;
  readonly format: "json" | "raw";
  readonly bodyEncoding: "base64" | "utf8";
}

/**
 * Judges and completes what a client asks for; `request` is any JSON value.
 * @throws {ProxyError} `invalid_request`, `invalid_url`, `invalid_header`, `target_forbidden` or
 * `port_forbidden` (faults A5 to A15), naming the field by its path and never its value
 */
export function parseJobRequest(request: unknown, origin: JobOrigin, rules: JobRules): JobOrder {
  const wish = checkJobRequest(request);
  checkMetadata(wish.metadata);
  const format = wish.format ?? JOB_DEFAULTS.format;
  const method = wish.method ?? JOB_DEFAULTS.method;
  const url = parseJobUrl(wish.url, rules.targets);
  const { targeting, session, tag } = requestOptions(wish, rules.geo);
  const job: Job = {
    id: origin.jobId,
    requestId: origin.requestId,
    account: origin.account,
    method,
    url: url.href,
    host: url.host,
    headers: parseJobHeaders(wish.headers, url),
    body: parseJobBody(wish, method),
    timeoutMs: wish.timeoutMs ?? rules.timeoutMs,
    followRedirects: wish.followRedirects ?? JOB_DEFAULTS.followRedirects,
    maxRedirects: wish.maxRedirects ?? JOB_DEFAULTS.maxRedirects,
    maxResponseBytes: responseBound(wish.maxResponseBytes, format, rules),
    maxRetries: wish.maxRetries ?? JOB_DEFAULTS.maxRetries,
    retryUnsafe: wish.retryUnsafe ?? JOB_DEFAULTS.retryUnsafe,
    targeting,
    session,
    priority: wish.priority ?? JOB_DEFAULTS.priority,
    tag,
    metadata: wish.metadata,
  };
  return { job, format, bodyEncoding: wish.bodyEncoding ?? JOB_DEFAULTS.bodyEncoding };
}

/** A streamed answer has no bound of its own; a buffered one costs memory here. */
function responseBound(
  asked: number | undefined,
  format: JobOrder["format"],
  rules: JobRules,
): number | undefined {
  const largest = format === "raw" ? Number.MAX_SAFE_INTEGER : MAX_BUFFERED_RESPONSE_BYTES;
  if (asked !== undefined && asked > largest) {
    const message = `"maxResponseBytes" must be at most ${largest} with format "${format}"`;
    throw new ProxyError("invalid_request", message);
  }
  return asked ?? (format === "raw" ? undefined : rules.maxResponseBytes);
}
