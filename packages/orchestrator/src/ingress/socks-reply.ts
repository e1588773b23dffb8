/** Last word of a SOCKS handshake, by meaning. Source: RFC 1928 §6. */
export const SOCKS_REPLY = {
  succeeded: 0x00,
  failure: 0x01,
  notAllowed: 0x02,
  hostUnreachable: 0x04,
  refused: 0x05,
  commandNotSupported: 0x07,
  addressTypeNotSupported: 0x08,
} as const;

/** The reply's ten bytes. The bound address is left open, as nobody but FTP clients asks for it: 0.0.0.0:0. */
export function socksReply(reply: number): Uint8Array {
  return Uint8Array.of(0x05, reply, 0x00, 0x01, 0, 0, 0, 0, 0, 0);
}
