/** The target's response head as the head of the answer to `POST /v1/request` with `format: raw`. */
import {
  connectionOptions,
  headerValue,
  isHopByHop,
  isOurs,
  mapHeaders,
} from "@porchlight/protocol/header-list";
import type { HttpHead } from "@porchlight/protocol/message";
import { jobHeaders } from "../http/answer-headers.ts";
import type { Job, Serving } from "../jobs/job.ts";

/** Status and headers for `ServerResponse.writeHead`. */
export interface RawHead {
  readonly status: number;
  /** Name, value, name, value, … */
  readonly headers: readonly string[];
}

/** Statuses whose answers never have a body. Source: RFC 9110 §6.4.1. */
const BODYLESS_STATUSES: ReadonlySet<number> = new Set([204, 304]);

/**
 * The target's status and headers without those of its connection, with ours: a target cannot speak as
 * Porchlight, and its `X-Request-Id` gives way to the call's.
 */
export function rawHead(
  { head, attempts, session }: Serving,
  job: Pick<Job, "id" | "method" | "requestId">,
): RawHead {
  const dropped = connectionOptions(head.headers);
  const headers = mapHeaders(head.headers, (name, value) =>
    isReserved(name) || dropped.has(name) ? undefined : value,
  );
  const length = framedLength(job.method, head);
  if (length !== undefined) headers.push("Content-Length", length);
  headers.push("X-Request-Id", job.requestId);
  headers.push(...Object.entries(jobHeaders({ jobId: job.id, attempts, session })).flat());
  return { status: head.status, headers };
}

/** Whether a header is never taken over as it is: it is of the connection, or written here. */
function isReserved(name: string): boolean {
  return (
    isHopByHop(name) ||
    isOurs(name) ||
    name === "trailer" ||
    name === "content-length" ||
    name === "x-request-id"
  );
}

/**
 * `Content-Length` as far as it frames this answer, which is one to a POST: a HEAD job's has no body, and one
 * that came chunked is as long as it turns out to be. Source: RFC 9112 §6.3.
 */
function framedLength(method: string, { status, headers }: HttpHead): string | undefined {
  if (BODYLESS_STATUSES.has(status)) return undefined;
  if (method === "HEAD") return "0";
  if (headerValue(headers, "transfer-encoding") !== undefined) return undefined;
  // Several equal ones have passed as one; a client would refuse them.
  return headerValue(headers, "content-length")?.split(",")[0]?.trim();
}
