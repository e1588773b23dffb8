/** Pieces of route schemas for the OpenAPI document. */
import type { ErrorCode } from "@porchlight/protocol/errors";
import { PROBLEM_TYPE } from "@porchlight/protocol/problem";
import { HTTP_STATUS } from "./problem.ts";

/** Security of routes that take any key of the right role. */
export const BEARER_SECURITY = [{ bearer: [] }];

/** Security of routes that are open to everybody. */
export const NO_SECURITY: readonly [] = [];

interface Response {
  readonly description: string;
  readonly content: Readonly<Record<string, { readonly schema: object }>>;
}

/** A good answer as JSON. */
export function jsonAnswer(description: string, schema: object): Response {
  return { description, content: { "application/json": { schema } } };
}

/** Problem answers by status, each naming its codes. */
export function problemAnswers(codes: readonly ErrorCode[]): Record<string, Response> {
  const byStatus = Map.groupBy(codes, (code) => String(HTTP_STATUS[code]));
  return Object.fromEntries(
    [...byStatus].map(([status, group]) => [
      status,
      {
        description: group.join(", "),
        content: { [PROBLEM_TYPE]: { schema: { $ref: "Problem#" } } },
      },
    ]),
  );
}
