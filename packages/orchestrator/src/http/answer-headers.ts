import type { Attempt, SessionView } from "@porchlight/protocol/job";

/** What every answer of ours carries: nothing of it belongs into a cache, or is to be guessed at. */
export function commonHeaders(requestId: string): Record<string, string> {
  return {
    "X-Request-Id": requestId,
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
  };
}

/** Work as far as it got. */
export interface WorkFacts {
  readonly jobId?: string | undefined;
  readonly attempts?: readonly Attempt[] | undefined;
  readonly session?: Pick<SessionView, "moved"> | undefined;
}

/** `Porchlight-*` headers of a job or tunnel: its id, the exit tried last, how many were tried, and whether its session moved there. */
export function jobHeaders({ jobId, attempts, session }: WorkFacts): Record<string, string> {
  const exit = attempts?.at(-1)?.agent;
  return {
    ...(jobId !== undefined && { "Porchlight-Job": jobId }),
    ...(exit !== undefined && { "Porchlight-Exit": exit }),
    ...(attempts !== undefined && { "Porchlight-Attempts": String(attempts.length) }),
    ...(session?.moved === true && { "Porchlight-Session": "moved" }),
  };
}
