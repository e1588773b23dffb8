/** The target's response head as the head of the answer to `POST /v1/request` with `format: raw`. */
import type { HttpHead } from "@porchlight/protocol/message";
import type { Job, Serving } from "../jobs/job.ts";
import { jobHeaders } from "./problem.ts";

/** Status and headers for `ServerResponse.writeHead`. */
export interface RawHead {
  readonly status: number;
  /** Name, value, name, value, … */
  readonly headers: readonly string[];
}

/** They belong to the connection between agent and target. Source: RFC 9110 §7.6.1. */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

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
  const names = lowerNames(head.headers);
  const dropped = connectionOptions(head.headers, names);
  const headers: string[] = [];
  for (const [index, name] of names.entries()) {
    if (!isReserved(name) && !dropped.has(name)) {
      headers.push(head.headers[index * 2] ?? "", head.headers[index * 2 + 1] ?? "");
    }
  }
  const length = framedLength(job.method, head, names);
  if (length !== undefined) headers.push("Content-Length", length);
  headers.push("X-Request-Id", job.requestId);
  headers.push(...Object.entries(jobHeaders({ jobId: job.id, attempts, session })).flat());
  return { status: head.status, headers };
}

/** The value of each name stands at twice the name's index. */
function lowerNames(headers: readonly string[]): string[] {
  const names: string[] = [];
  for (let index = 0; index < headers.length; index += 2) {
    names.push((headers[index] ?? "").toLowerCase());
  }
  return names;
}

/** Whether a header is never taken over as it is: it is of the connection, or written here. */
function isReserved(name: string): boolean {
  return (
    HOP_BY_HOP.has(name) ||
    name === "content-length" ||
    name === "x-request-id" ||
    name.startsWith("proxy-") ||
    name.startsWith("porchlight-")
  );
}

/** Names that the target's `Connection` header makes hop-by-hop too. */
function connectionOptions(
  headers: readonly string[],
  names: readonly string[],
): ReadonlySet<string> {
  const options = new Set<string>();
  for (const [index, name] of names.entries()) {
    if (name !== "connection") continue;
    for (const option of (headers[index * 2 + 1] ?? "").split(",")) {
      options.add(option.trim().toLowerCase());
    }
  }
  return options;
}

/**
 * `Content-Length` as far as it frames this answer, which is one to a POST: a HEAD job's has no body, and one
 * that came chunked is as long as it turns out to be. Source: RFC 9112 §6.3.
 */
function framedLength(
  method: string,
  { status, headers }: HttpHead,
  names: readonly string[],
): string | undefined {
  if (BODYLESS_STATUSES.has(status)) return undefined;
  if (method === "HEAD") return "0";
  if (names.includes("transfer-encoding")) return undefined;
  const index = names.indexOf("content-length");
  // Several equal ones have passed as one; a client would refuse them.
  return index === -1 ? undefined : headers[index * 2 + 1]?.split(",")[0]?.trim();
}
