import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { ProxyError, type ErrorCode } from "@porchlight/protocol/errors";
import { LineAllowance } from "@porchlight/runtime/line-allowance";
import {
  SOCKS_GREETING,
  socksLogin,
  socksName,
  socksRequest,
} from "@porchlight/testkit/proxy-client";
import { socketPair } from "@porchlight/testkit/socket-pair";
import type { Admission } from "./admission.ts";
import { ORDER } from "./forward-fixture.ts";
import { Refusals } from "./refusals.ts";
import { SocksClient, type SocksParts } from "./socks-client.ts";
import type { TunnelOpener } from "./tunnel-client.ts";
import type { Visit } from "./visitors.ts";

const HANDSHAKE = Buffer.concat([
  SOCKS_GREETING,
  socksLogin("key"),
  socksRequest(socksName("example.com"), 443),
]);

/** Source: RFC 1928 §6; the second byte is the code. */
const SOCKS_REPLY_BYTES = 10;

/** One line of the log. */
interface Line {
  readonly level: "info" | "error";
  readonly fields: Readonly<Record<string, unknown>>;
}

/** A door at which every target is refused, or every tunnel fails. */
class Desk {
  readonly logged: Line[] = [];
  readonly refusals = new Refusals();
  refusal: ErrorCode | undefined;
  failure: ErrorCode = "dns_failed";
  readonly #parts: SocksParts;

  constructor(lines: Pick<LineAllowance, "take">) {
    const log = (level: Line["level"]) => {
      return (fields: Line["fields"]) => void this.logged.push({ level, fields });
    };
    this.#parts = {
      admission: {
        admit: () => ORDER,
        judgeTarget: () => {
          if (this.refusal !== undefined) throw new ProxyError(this.refusal, "Not there");
        },
      } as unknown as Admission,
      tunnels: { open: this.#open },
      rules: { openTimeoutMs: 1 } as SocksParts["rules"],
      logger: { info: log("info"), error: log("error") },
      lines: lines as LineAllowance,
      refusals: this.refusals,
    };
  }

  /** The code of the reply that one client is given. */
  async ask(): Promise<number | undefined> {
    await using pair = await socketPair();
    const { accepted: socket, dialled } = pair;
    const visit = { checkAddress: () => undefined } as unknown as Visit;
    const chunks: Buffer[] = [];
    dialled.on("data", (chunk: Buffer) => chunks.push(chunk));
    new SocksClient({ socket, visit, onGreeted: () => undefined }, this.#parts).start(HANDSHAKE);
    await once(dialled, "end");
    return Buffer.concat(chunks).at(1 - SOCKS_REPLY_BYTES);
  }

  readonly #open: TunnelOpener["open"] = (_, door) => {
    queueMicrotask(() => door.onError(new ProxyError(this.failure, "No way"), []));
    return { cancel: () => undefined };
  };
}

test("a refused SOCKS request leaves a line in the log while there are lines, and is counted all the same", async () => {
  const desk = new Desk(new LineAllowance({ burst: 2, perSecond: 0 }, 0));
  desk.refusal = "target_forbidden";
  for (let client = 0; client < 5; client++) assert.equal(await desk.ask(), 2);
  const codes = desk.logged.map(({ level, fields }) => [level, fields["code"], fields["account"]]);
  const line = ["info", "target_forbidden", "acme"];
  assert.deepEqual(codes, [line, line]);
  assert.deepEqual(desk.refusals.counts, [{ door: "socks5", code: "target_forbidden", count: 5 }]);
});

test("a SOCKS request whose tunnel fails takes such a line too, and is counted with the tunnels only", async () => {
  const desk = new Desk(new LineAllowance({ burst: 1, perSecond: 0 }, 0));
  for (let client = 0; client < 2; client++) assert.equal(await desk.ask(), 4);
  assert.equal(desk.logged.length, 1);
  assert.deepEqual(desk.refusals.counts, []);
});

test("a line on a refused SOCKS request tells how many were left out before", async () => {
  const desk = new Desk({ take: () => ({ suppressed: 3 }) });
  await desk.ask();
  assert.equal(desk.logged[0]?.fields["suppressed"], 3);
});

test("a fault of ours is always in the log", async () => {
  const desk = new Desk({ take: () => undefined });
  desk.failure = "internal";
  for (let client = 0; client < 2; client++) assert.equal(await desk.ask(), 1);
  assert.deepEqual(
    desk.logged.map(({ level }) => level),
    ["error", "error"],
  );
});
