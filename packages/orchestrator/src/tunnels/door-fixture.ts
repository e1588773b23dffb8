/** A tunnel's request and a door for tests. */
import assert from "node:assert/strict";
import type { ErrorCode } from "@porchlight/protocol/errors";
import type { Attempt } from "@porchlight/protocol/job";
import type { TunnelExchange } from "../agents/link.ts";
import type { OpenedTunnel, TunnelDoor, TunnelRequest } from "./tunnel-request.ts";

/** A request of a CONNECT client. */
export const REQUEST: TunnelRequest = {
  id: "job_1",
  requestId: "req_1",
  door: "connect",
  account: "acme",
  host: "example.com",
  port: 443,
  targeting: {},
  priority: 5,
  openTimeoutMs: 10_000,
  maxRetries: 2,
};

/** A door that writes down what it hears. */
export class ScriptedDoor implements TunnelDoor {
  readonly heard: string[] = [];
  opened: OpenedTunnel | undefined;
  attempts: readonly Attempt[] = [];

  get exchange(): TunnelExchange {
    assert.ok(this.opened, "the tunnel is open");
    return this.opened.exchange;
  }

  onOpen(opened: OpenedTunnel): void {
    this.heard.push("open");
    this.opened = opened;
  }

  onData(chunk: Uint8Array): void {
    this.heard.push(`data ${Buffer.from(chunk).toString()}`);
  }

  onEnd(): void {
    this.heard.push("end");
  }

  onDrain(): void {
    this.heard.push("drain");
  }

  onError(error: { code: ErrorCode }, attempts: readonly Attempt[]): void {
    this.heard.push(error.code);
    this.attempts = attempts;
  }
}
