import assert from "node:assert/strict";
import { test } from "node:test";
import { ProxyError } from "@porchlight/protocol/errors";
import { type TargetPhase, translateTargetError } from "./target-error.ts";

function translate(code: string | undefined, phase: TargetPhase): ProxyError {
  const error = Object.assign(new Error("Some text that says ECONNREFUSED 10.0.0.1 secret"), {
    code,
  });
  return translateTargetError(error, phase, "a.example:443");
}

test("translateTargetError: by code and phase", () => {
  const table: readonly (readonly [string | undefined, TargetPhase, string])[] = [
    ["ENOTFOUND", "resolve", "dns_failed"],
    ["EAI_AGAIN", "resolve", "dns_failed"],
    ["ETIMEDOUT", "resolve", "dns_failed"],
    ["EMFILE", "resolve", "overloaded"],
    ["ECONNREFUSED", "connect", "connection_refused"],
    ["EHOSTUNREACH", "connect", "host_unreachable"],
    ["ENETUNREACH", "connect", "host_unreachable"],
    ["ETIMEDOUT", "connect", "connect_timeout"],
    ["ECONNRESET", "tls", "connection_reset"],
    ["CERT_HAS_EXPIRED", "tls", "tls_failed"],
    ["ERR_TLS_CERT_ALTNAME_INVALID", "tls", "tls_failed"],
    ["ERR_SSL_WRONG_VERSION_NUMBER", "tls", "tls_failed"],
    ["HPE_INVALID_CONSTANT", "exchange", "target_protocol_error"],
    ["UND_ERR_HEADERS_OVERFLOW", "exchange", "target_protocol_error"],
    ["UND_ERR_SOCKET", "exchange", "connection_reset"],
    ["UND_ERR_SOCKET", "head", "target_protocol_error"],
    ["UND_ERR_SOCKET", "body", "response_truncated"],
    ["UND_ERR_RES_CONTENT_LENGTH_MISMATCH", "body", "response_truncated"],
    ["UND_ERR_RES_CONTENT_LENGTH_MISMATCH", "head", "target_protocol_error"],
    ["HPE_INVALID_EOF_STATE", "body", "response_truncated"],
    ["HPE_INVALID_CHUNK_SIZE", "body", "target_protocol_error"],
    ["ECONNRESET", "body", "connection_reset"],
    ["EMFILE", "connect", "overloaded"],
    ["UNHEARD_OF", "connect", "host_unreachable"],
    [undefined, "exchange", "target_protocol_error"],
  ];
  for (const [code, phase, expected] of table) {
    assert.equal(translate(code, phase).code, expected, `${code} while ${phase}`);
  }
});

test("translateTargetError: the message names the target and the code, never the foreign text", () => {
  assert.equal(
    translate("ECONNREFUSED", "connect").message,
    "a.example:443 refused the connection (ECONNREFUSED)",
  );
  assert.doesNotMatch(translate(undefined, "body").message, /secret/);
});

test("translateTargetError: our own errors pass as they are", () => {
  const own = new ProxyError("target_forbidden", "No");
  assert.equal(translateTargetError(own, "connect", "a.example"), own);
});
