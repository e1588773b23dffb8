/** Checks a request against its schema; what is wrong is told by the field's path, never by its value (faults F27). */
import { ProxyError } from "@porchlight/protocol/errors";
import { JobRequest } from "@porchlight/protocol/job";
import { MAX_NAME_CHARS } from "@porchlight/protocol/limits";
import { ruleOf } from "@porchlight/protocol/schema-rule";
import { Compile } from "typebox/compile";
import type { TValidationError } from "typebox/error";

/** Longest piece of a field's path in a message. Characters. */
const SHOWN_CHARS = 120;

const SHAPE = Compile(JobRequest);

/** Fields of the contract that no part of this version serves. */
const NOT_AVAILABLE_YET: readonly (keyof JobRequest)[] = ["callbackUrl"];

/**
 * A parsed body as a job request: its fields and their types, not yet what they mean.
 * @throws {ProxyError} `invalid_request` for an unknown field (faults A6), a wrong type or a value out of bounds (faults A13)
 */
export function checkJobRequest(value: unknown): JobRequest {
  if (isObject(value)) refuseWhatIsMissingHere(value);
  if (!SHAPE.Check(value)) throw shapeError(SHAPE.Errors(value));
  return value;
}

/** The first of a schema's errors as one for the client. */
export function shapeError(errors: readonly TValidationError[]): ProxyError {
  const [first] = errors;
  return new ProxyError(
    "invalid_request",
    first === undefined ? "The body is not valid" : explain(first),
  );
}

/** A path for a message: quoted, control characters escaped, cut. */
export function quotePath(path: string): string {
  return JSON.stringify(path.length > SHOWN_CHARS ? `${path.slice(0, SHOWN_CHARS)}…` : path);
}

function explain(error: TValidationError): string {
  const field = quotePath(dottedPath(error.instancePath));
  if (error.keyword === "required") {
    return `${quotePath(error.params.requiredProperties.join(", "))} is missing`;
  }
  if (error.instancePath === "") return "The body must be a JSON object";
  if (error.schemaPath.includes("/anyOf/")) {
    return `${field} must be a string or a list of strings`;
  }
  if (error.keyword === "boolean" && error.instancePath.startsWith("/labels/")) {
    return `${field} needs a key of 1 to ${MAX_NAME_CHARS} characters`;
  }
  return `${field} ${ruleOf(error)}`;
}

/** `/headers/x-a/0` → `headers.x-a.0`. Source: RFC 6901 §4. */
function dottedPath(pointer: string): string {
  return pointer.slice(1).replaceAll("/", ".").replaceAll("~1", "/").replaceAll("~0", "~");
}

function refuseWhatIsMissingHere(value: object): void {
  for (const field of NOT_AVAILABLE_YET) {
    if (Object.hasOwn(value, field)) {
      throw new ProxyError("invalid_request", `"${field}" is not available yet`);
    }
  }
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}
