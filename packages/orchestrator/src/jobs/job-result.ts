/** A completed job → the JSON that a client gets. */
import { isUtf8 } from "node:buffer";
import type { JobResult } from "@porchlight/protocol/job";
import type { Job, JobOutcome } from "./job.ts";

/** The outcome of a job that has an answer. */
export type CompletedOutcome = Extract<JobOutcome, { readonly status: "completed" }>;

/** A completed job with its whole body. */
export interface ResultSource {
  readonly job: Job;
  readonly outcome: CompletedOutcome;
  readonly body: Buffer;
  /** As asked: `utf8` is given only to a body that is valid UTF-8, so that no byte is ever changed. */
  readonly bodyEncoding: JobResult["bodyEncoding"];
}

/** The result of a completed job. */
export function jobResult({ job, outcome, body, bodyEncoding }: ResultSource): JobResult {
  const { head, exit, session } = outcome.serving;
  const encoding = bodyEncoding === "utf8" && isUtf8(body) ? "utf8" : "base64";
  return {
    id: job.id,
    status: "completed",
    statusCode: head.status,
    url: head.url,
    headers: headersByName(head.headers),
    body: body.toString(encoding),
    bodyEncoding: encoding,
    truncated: false,
    attempts: outcome.attempts,
    exit,
    bytes: outcome.bytes,
    timings: outcome.timings,
    ...(session !== undefined && { session }),
    ...(job.tag !== undefined && { tag: job.tag }),
    ...(job.metadata !== undefined && { metadata: job.metadata }),
  };
}

/**
 * Name, value, name, value, … by lower-case name; a repeated name gets a list. The target chooses the names:
 * `__proto__` is one like any other.
 */
export function headersByName(list: readonly string[]): JobResult["headers"] {
  const byName = new Map<string, string | string[]>();
  for (let index = 0; index < list.length; index += 2) {
    const name = (list[index] ?? "").toLowerCase();
    const value = list[index + 1] ?? "";
    const earlier = byName.get(name);
    if (earlier === undefined) byName.set(name, value);
    else if (typeof earlier === "string") byName.set(name, [earlier, value]);
    else earlier.push(value);
  }
  return Object.fromEntries(byName);
}
