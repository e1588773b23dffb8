/** The table of docs/errors.md: every code with its status, whose fault it is, and what to do. */
import { ERRORS, type ErrorCode } from "@porchlight/protocol/errors";
import { HTTP_STATUS } from "porchlight/api/problem";
import { PROXY_ERRORS } from "porchlight/ingress/proxy-error";
import { ERROR_ADVICE } from "./error-advice.ts";
import { code, table } from "./page.ts";

const RETRY_WORDS = { never: "never", later: "later", "other-agent": "other agent" } as const;

/** Each code in the order of the errors' table. */
export function errorsTable(): string {
  const rows = (Object.keys(ERRORS) as ErrorCode[]).map((name) => {
    const { wire, fault, retry } = ERRORS[name];
    return [
      code(name),
      String(HTTP_STATUS[name]),
      code(PROXY_ERRORS[name].token),
      PROXY_ERRORS[name].socks.toString(16).padStart(2, "0"),
      fault,
      RETRY_WORDS[retry],
      ERROR_ADVICE[name],
      String(wire),
    ];
  });
  return table(
    ["code", "HTTP", "`Proxy-Status`", "SOCKS5", "fault", "retry", "meaning", "number"],
    rows,
  );
}
