import { ProxyError } from "@porchlight/protocol/errors";
import { MAX_METADATA_CHARS } from "@porchlight/protocol/limits";
import type { JobRequest } from "@porchlight/protocol/job";
import { quotePath } from "./job-request-shape.ts";

/** How deep objects and lists of `metadata` may be nested, itself included. */
export const MAX_METADATA_DEPTH = 8;

/** Whether a key would mean something to JavaScript wherever an object is built from it (faults A5). */
export function isPrototypeKey(key: string): boolean {
  return key === "__proto__" || key === "constructor" || key === "prototype";
}

/**
 * Judges what is echoed as it came.
 * @throws {ProxyError} `invalid_request` when it is nested too deep (faults A4), longer than
 * `MAX_METADATA_CHARS` as JSON, or has a key like `__proto__` (faults A5)
 */
export function checkMetadata(metadata: JobRequest["metadata"]): void {
  if (metadata === undefined) return;
  checkNesting(metadata, "metadata", 1);
  if (JSON.stringify(metadata).length > MAX_METADATA_CHARS) {
    throw new ProxyError(
      "invalid_request",
      `"metadata" must have at most ${MAX_METADATA_CHARS} characters as JSON`,
    );
  }
}

function checkNesting(value: unknown, path: string, depth: number): void {
  if (typeof value !== "object" || value === null) return;
  if (depth > MAX_METADATA_DEPTH) {
    const message = `"metadata" must be nested at most ${MAX_METADATA_DEPTH} levels deep`;
    throw new ProxyError("invalid_request", message);
  }
  for (const [key, member] of Object.entries(value)) {
    const memberPath = `${path}.${key}`;
    if (isPrototypeKey(key)) {
      throw new ProxyError("invalid_request", `${quotePath(memberPath)} is not allowed`);
    }
    checkNesting(member, memberPath, depth + 1);
  }
}
