/**
 * The server's side of a SOCKS5 handshake without I/O: bytes go in, `next` says what to do. Its answers may be sent
 * as they come, so that a client that sends everything at once is served as well as one that waits.
 *
 *   greeting ──offers a password──▶ login ──known──▶ request ──CONNECT──▶ over
 *
 * Every message has at most 513 bytes; what comes behind the request belongs to the tunnel.
 * Source: RFC 1928 §3, §4, §6; RFC 1929 §2.
 */
import { SOCKS_REPLY, socksReply } from "./socks-reply.ts";

/** First byte of a SOCKS5 client. */
export const SOCKS5 = 0x05;

/** First byte of a SOCKS4 client. */
export const SOCKS4 = 0x04;

const LOGIN_VERSION = 0x01;
const PASSWORD_METHOD = 0x02;
const CONNECT_COMMAND = 0x01;
const ADDRESS_TYPE = { ipv4: 0x01, name: 0x03, ipv6: 0x04 } as const;

const PASSWORD_CHOSEN = Uint8Array.of(SOCKS5, PASSWORD_METHOD);
const NO_METHOD = Uint8Array.of(SOCKS5, 0xff);
const LOGIN_GOOD = Uint8Array.of(LOGIN_VERSION, 0x00);
const LOGIN_BAD = Uint8Array.of(LOGIN_VERSION, 0x01);

/** What to do next. */
export type SocksStep =
  /** Wait for more bytes. */
  | { readonly kind: "wait" }
  /** Send these, and ask again. */
  | { readonly kind: "send"; readonly bytes: Uint8Array }
  /** Judge this, and call `logIn`. */
  | { readonly kind: "login"; readonly username: string; readonly password: string }
  /** Open a tunnel there; `rest` are its first bytes. */
  | {
      readonly kind: "request";
      readonly host: string;
      readonly port: number;
      readonly rest: Uint8Array;
    }
  /** Send these, which may be none, and close. */
  | { readonly kind: "refuse"; readonly bytes: Uint8Array };

const WAIT: SocksStep = { kind: "wait" };

/** One handshake, from the first byte of the connection to its request. */
export class SocksHandshake {
  #state: "greeting" | "login" | "judging" | "request" | "over" = "greeting";
  #bytes: Buffer = Buffer.alloc(0);

  /** Takes what the client has sent. */
  push(chunk: Uint8Array): void {
    this.#bytes =
      this.#bytes.length === 0 ? Buffer.from(chunk) : Buffer.concat([this.#bytes, chunk]);
  }

  /** What to do now; after `wait` or `login` ask again once that has been done, after `request` or `refuse` never. */
  next(): SocksStep {
    if (this.#state === "greeting") return this.#readGreeting();
    if (this.#state === "login") return this.#readLogin();
    if (this.#state === "request") return this.#readRequest();
    return WAIT;
  }

  /** Goes on after `login`; the bytes are to be sent, and when the login is not `known` the connection closed. */
  logIn(known: boolean): Uint8Array {
    this.#state = known ? "request" : "over";
    return known ? LOGIN_GOOD : LOGIN_BAD;
  }

  #readGreeting(): SocksStep {
    const [version, count] = this.#bytes;
    if (version !== undefined && version !== SOCKS5) return this.#refuse();
    if (count === undefined || this.#bytes.length < 2 + count) return WAIT;
    const methods = this.#take(2 + count).subarray(2);
    if (!methods.includes(PASSWORD_METHOD)) return this.#refuse(NO_METHOD);
    this.#state = "login";
    return { kind: "send", bytes: PASSWORD_CHOSEN };
  }

  #readLogin(): SocksStep {
    const [version, nameBytes] = this.#bytes;
    if (version !== undefined && version !== LOGIN_VERSION) return this.#refuse();
    if (nameBytes === undefined) return WAIT;
    const passwordBytes = this.#bytes[2 + nameBytes];
    const end = 3 + nameBytes + (passwordBytes ?? 0);
    if (passwordBytes === undefined || this.#bytes.length < end) return WAIT;
    const message = this.#take(end);
    this.#state = "judging";
    const username = message.toString("utf8", 2, 2 + nameBytes);
    return { kind: "login", username, password: message.toString("utf8", 3 + nameBytes) };
  }

  #readRequest(): SocksStep {
    const [version, command, , addressType, nameBytes] = this.#bytes;
    if (version !== undefined && version !== SOCKS5) return this.#refuse();
    if (command === undefined || addressType === undefined) return WAIT;
    if (command !== CONNECT_COMMAND) return this.#refuseWith(SOCKS_REPLY.commandNotSupported);
    const hostEnd = hostEndOf(addressType, nameBytes);
    if (hostEnd === "unknown") return this.#refuseWith(SOCKS_REPLY.addressTypeNotSupported);
    if (hostEnd === undefined || this.#bytes.length < hostEnd + 2) return WAIT;
    const message = this.#take(hostEnd + 2);
    this.#state = "over";
    const host = readHost(addressType, message.subarray(4, hostEnd));
    return { kind: "request", host, port: message.readUInt16BE(hostEnd), rest: this.#bytes };
  }

  #take(count: number): Buffer {
    const taken = this.#bytes.subarray(0, count);
    this.#bytes = this.#bytes.subarray(count);
    return taken;
  }

  #refuseWith(reply: number): SocksStep {
    return this.#refuse(socksReply(reply));
  }

  #refuse(bytes: Uint8Array = Buffer.alloc(0)): SocksStep {
    this.#state = "over";
    return { kind: "refuse", bytes };
  }
}

/** Where the host ends in a request; `undefined` while that has not come. */
function hostEndOf(
  addressType: number,
  nameBytes: number | undefined,
): number | undefined | "unknown" {
  if (addressType === ADDRESS_TYPE.ipv4) return 4 + 4;
  if (addressType === ADDRESS_TYPE.ipv6) return 4 + 16;
  if (addressType !== ADDRESS_TYPE.name) return "unknown";
  return nameBytes === undefined ? undefined : 5 + nameBytes;
}

/** A name's first byte is its length. */
function readHost(addressType: number, bytes: Buffer): string {
  if (addressType === ADDRESS_TYPE.ipv4) return bytes.join(".");
  if (addressType === ADDRESS_TYPE.name) return bytes.toString("utf8", 1);
  const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(index * 2));
  return groups.map((group) => group.toString(16)).join(":");
}
