/** Who asks through the proxy and for what of routing, once the head of the request or handshake has been judged. */
import type { TargetPolicy } from "@porchlight/runtime/target-policy";
import type { Principal } from "../accounts/principal.ts";
import type { GeoKnowledge, RequestOptions } from "../routing/request-options.ts";
import type { TunnelRequest } from "../tunnels/tunnel-request.ts";

/** A client that has proven itself, and what its username asks for. */
export interface DoorRequest {
  /** Follows the request through answers and logs. */
  readonly requestId: string;
  readonly principal: Principal;
  readonly options: RequestOptions;
}

/** What this orchestrator lets proxy clients do. */
export interface ProxyRules {
  readonly targets: TargetPolicy;
  readonly geo: GeoKnowledge;
  /** Until a tunnel is open: waiting and all attempts. Milliseconds. */
  readonly openTimeoutMs: number;
}

/** As a job's defaults. Source: contract, section "Job". */
const PRIORITY = 5;
const MAX_RETRIES = 2;

/** Where a tunnel leads, its id, and the door it came through. */
export type TunnelOrder = Pick<TunnelRequest, "id" | "host" | "port" | "door">;

/** The tunnel that a client's request asks for. */
export function tunnelRequest(
  { requestId, principal, options }: DoorRequest,
  order: TunnelOrder,
  { openTimeoutMs }: Pick<ProxyRules, "openTimeoutMs">,
): TunnelRequest {
  const { targeting, session, tag } = options;
  return {
    ...order,
    requestId,
    account: principal.account,
    targeting,
    session,
    tag,
    priority: PRIORITY,
    openTimeoutMs,
    maxRetries: MAX_RETRIES,
  };
}
