import { headerValue } from "@porchlight/protocol/header-list";

/** A final response head as it came: names and values in order, case and repetition kept. */
export interface ResponseHead {
  readonly status: number;
  readonly headers: readonly string[];
}

/** The body length a response to `method` announces; 0 when there is none, or none is announced. */
export function announcedBytes(method: string | undefined, head: ResponseHead): number {
  if (method === "HEAD" || head.status === 204 || head.status === 304) return 0;
  const value = headerValue(head.headers, "content-length");
  return value !== undefined && /^\d+$/.test(value) ? Number(value) : 0;
}
