import type { TValidationError } from "typebox/error";

/** What a value has to be that a schema does not take: `must be …`. Says nothing of the value. */
export function ruleOf(error: TValidationError): string {
  if (error.keyword === "boolean") return "is not a known field";
  if (error.keyword === "enum") return `must be one of ${error.params.allowedValues.join(", ")}`;
  if (error.keyword === "type") {
    return `must be ${TYPE_NAMES[String(error.params.type)] ?? "of another type"}`;
  }
  if (error.keyword === "pattern") return PATTERN_RULES[String(error.params.pattern)] ?? INVALID;
  const bound = BOUNDS[error.keyword];
  if (bound === undefined || !("limit" in error.params)) return INVALID;
  return bound.replace("{}", String(error.params.limit));
}

const INVALID = "is not valid";

/** Pattern of a country's code. Source: ISO 3166-1 alpha-2. */
export const COUNTRY_PATTERN = "^[A-Za-z]{2}$";

/** Pattern of a session's name: what needs no encoding in a URL or a username. */
export const SESSION_PATTERN = "^[A-Za-z0-9_.~]{1,64}$";

const PATTERN_RULES: Readonly<Record<string, string>> = {
  [COUNTRY_PATTERN]: "must be a country's two letters",
  [SESSION_PATTERN]: "must be 1 to 64 letters, digits, _ . or ~",
};

const BOUNDS: Readonly<Record<string, string>> = {
  minimum: "must be at least {}",
  maximum: "must be at most {}",
  minLength: "must have at least {} character",
  maxLength: "must have at most {} characters",
  maxProperties: "must have at most {} entries",
};

const TYPE_NAMES: Readonly<Record<string, string>> = {
  string: "a string",
  integer: "an integer",
  boolean: "true or false",
  object: "an object",
};
