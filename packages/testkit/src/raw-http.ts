/** Bytes to a server and bytes back, without an HTTP library that would put them in order. */
import { connect, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { until } from "./until.ts";

/** How to connect; plain TCP to 127.0.0.1 by default. */
export interface RawOptions {
  readonly host?: string;
  /** PEM of the authority: speaks TLS. */
  readonly ca?: string;
  /** Keep the own side open when the server ends its side. */
  readonly allowHalfOpen?: boolean;
}

/** What is written at once until the server takes no more. Bytes. */
const PIECE = Buffer.alloc(64 * 1024);

/** As many looks without a piece taken as say that the server takes no more, and is not merely slow. */
const STILL_LOOKS = 20;

/** How a connection ended: in good order, or by a reset or another error. */
export type RawEnd = "end" | "error";

/** One connection; leaving its scope destroys it. */
export class RawConnection implements Disposable {
  readonly socket: Socket;
  /** Set when the server has ended the connection. */
  end: RawEnd | undefined;
  readonly #chunks: Buffer[] = [];

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on("data", (chunk: Buffer) => this.#chunks.push(chunk));
    socket.on("end", () => (this.end ??= "end"));
    socket.on("error", () => (this.end ??= "error"));
  }

  /** All bytes so far. */
  get received(): Buffer {
    return Buffer.concat(this.#chunks);
  }

  /** All bytes so far, one character per byte. */
  get text(): string {
    return this.received.toString("latin1");
  }

  /** Status codes of the answers so far: at the start of a line, those inside bodies not told apart, or behind a body. */
  get statuses(): number[] {
    const { text } = this;
    const statuses: number[] = [];
    const ends = new Set<number>();
    for (const { index, 1: status } of text.matchAll(/HTTP\/1\.[01] (\d{3})/g)) {
      const startsLine = index === 0 || text[index - 1] === "\n";
      if (!startsLine && !ends.has(index)) continue;
      statuses.push(Number(status));
      ends.add(endOfAnswer(text, index));
    }
    return statuses;
  }

  write(bytes: string | Uint8Array): void {
    this.socket.write(typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes);
  }

  /** Writes zeros until the server takes no more of them, the kernel neither: some 10 MiB. */
  async writeUntilHeld(): Promise<void> {
    let looks = 0;
    const write = (error?: Error | null): void => {
      if (looks > STILL_LOOKS || error) return;
      looks = 0;
      this.socket.write(PIECE, write);
    };
    write();
    await until("the server to take no more", () => ++looks > STILL_LOOKS, 20_000);
  }

  /** Waits until the text holds `marker`. */
  async untilText(marker: string, deadlineMs = 5_000): Promise<string> {
    await until(`"${marker}" in the answer`, () => this.text.includes(marker), deadlineMs);
    return this.text;
  }

  /** Waits until the server ends the connection. */
  async untilEnd(deadlineMs = 5_000): Promise<RawEnd> {
    return until("the connection's end", () => this.end, deadlineMs);
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
  }
}

/** Where the answer that starts at `index` ends, by its Content-Length; without one, where its head ends. */
function endOfAnswer(text: string, index: number): number {
  const headEnd = text.indexOf("\r\n\r\n", index) + 4;
  const length = /^content-length: *(\d+)/im.exec(text.slice(index, headEnd))?.[1] ?? 0;
  return headEnd + Number(length);
}

/** Connects to a port, by default on loopback. */
export async function openRaw(port: number, options: RawOptions = {}): Promise<RawConnection> {
  const { host = "127.0.0.1", ca, allowHalfOpen = false } = options;
  const carrier = connect({ host, port, noDelay: true });
  // On top of a connection of its own, which can be reset.
  const socket = ca === undefined ? carrier : connectTls({ socket: carrier, host, ca });
  socket.allowHalfOpen = allowHalfOpen;
  const connection = new RawConnection(socket);
  await new Promise<void>((resolve, reject) => {
    socket.once(ca === undefined ? "connect" : "secureConnect", resolve);
    socket.once("error", reject);
  });
  return connection;
}

/** Sends bytes, waits until the server ends the connection, and gives all that came. */
export async function sendRaw(
  port: number,
  bytes: string | Uint8Array,
  options: RawOptions & { readonly deadlineMs?: number } = {},
): Promise<RawConnection> {
  const connection = await openRaw(port, options);
  connection.write(bytes);
  try {
    await connection.untilEnd(options.deadlineMs);
  } finally {
    connection.socket.destroy();
  }
  return connection;
}
