/** Hand-written fakes for tests of this room and of those that use it. */
import type { CloseCode } from "@porchlight/protocol/transport";
import type { HttpExchange, Link } from "./link.ts";
import type { Arrival } from "./registry.ts";

/** A link that only notes how it was closed. */
export class FakeLink implements Link {
  readonly id: string;
  readonly profile: Link["profile"];
  rttMs: number | undefined;
  lastSeenAtMs = 0;
  readonly closes: CloseCode[] = [];

  constructor(id: string, profile: Link["profile"] = "mux") {
    this.id = id;
    this.profile = profile;
  }

  startHttp(): HttpExchange {
    return { consume() {}, abort() {} };
  }

  drain(): void {}

  close(closeCode: CloseCode): void {
    this.closes.push(closeCode);
  }
}

/** An agent called `home` at the door. */
export function arrival(changes: Partial<Arrival> = {}): Arrival {
  return {
    keyId: "key_1",
    account: "key_1",
    name: "home",
    ip: "203.0.113.7",
    version: "1.0.0",
    os: "linux",
    labels: {},
    maxConcurrency: 2,
    takeover: true,
    paused: undefined,
    ...changes,
  };
}
