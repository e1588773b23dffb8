/** Who may come in and where to: the same for CONNECT, SOCKS5 and requests that are forwarded. */
import type { Socket } from "node:net";
import { ProxyError } from "@porchlight/protocol/errors";
import { judgeHost } from "@porchlight/runtime/target-policy";
import type { Authenticator } from "../accounts/authenticator.ts";
import { requestOptions } from "../routing/request-options.ts";
import { parseUsername } from "../routing/username.ts";
import type { Authority } from "./authority.ts";
import type { Credentials } from "./credentials.ts";
import type { DoorRequest, ProxyRules } from "./door-request.ts";
import { isOwnAddress } from "./own-address.ts";
import type { Visit } from "./visitors.ts";

/** What a client and its target are judged by. */
export interface AdmissionParts {
  readonly keys: Pick<Authenticator, "authenticate">;
  readonly rules: Pick<ProxyRules, "targets" | "geo">;
  /** Throws {ProxyError} `overloaded` while this process has no room for new work (faults F18). */
  readonly checkRoom: () => void;
  /** Where the proxy listens. */
  readonly own: { readonly host: string; readonly port: number };
}

/** A client that asks to be let in. */
export interface Applicant {
  readonly credentials: Credentials | undefined;
  readonly visit: Visit;
  readonly requestId: string;
}

/** Judges clients, then targets. */
export class Admission {
  readonly #parts: AdmissionParts;

  constructor(parts: AdmissionParts) {
    this.#parts = parts;
  }

  /**
   * Lets a client in by its key, and reads what its username asks for.
   * @throws {ProxyError} `overloaded`; `unauthenticated`, the same for no, a malformed, an unknown, a revoked and an
   * expired key (faults A19, P1); `forbidden` for another role's; `rate_limited` when the key has too many connections;
   * `invalid_request`, `no_agent_available` for what the username asks
   */
  admit({ credentials, visit, requestId }: Applicant): DoorRequest {
    const { keys, rules, checkRoom } = this.#parts;
    checkRoom();
    const principal = keys.authenticate(credentials?.password);
    if (principal === undefined) {
      const message =
        "A valid client key is needed: send it as the password of Proxy-Authorization";
      throw new ProxyError("unauthenticated", message);
    }
    if (principal.role !== "client") {
      throw new ProxyError(
        "forbidden",
        `This needs a client key; this key's role is ${principal.role}`,
      );
    }
    visit.prove(principal.keyId);
    const fields = parseUsername(credentials?.username ?? "", principal.name);
    return { requestId, principal, options: requestOptions(fields, rules.geo) };
  }

  /**
   * Judges a target as far as that is possible before its name is resolved, which only the agent does.
   * @throws {ProxyError} `loop_detected` for the proxy itself (faults P19), before any policy; `target_forbidden`,
   * `port_forbidden`, `invalid_url` (faults P4)
   */
  judgeTarget(target: Authority, socket: Socket): void {
    this.judgeLoop(target, socket);
    const refusal = judgeHost(target.host, target.port, this.#parts.rules.targets);
    if (refusal !== undefined) throw refusal;
  }

  /**
   * Refuses the proxy itself as a target.
   * @throws {ProxyError} `loop_detected` (faults P19)
   */
  judgeLoop(target: Authority, socket: Socket): void {
    const { host, port } = this.#parts.own;
    // The socket's own address costs a system call.
    if (target.port !== port) return;
    if (!isOwnAddress(target, { host, port, reachedBy: socket.localAddress })) return;
    throw new ProxyError("loop_detected", "The target is this proxy itself");
  }
}
