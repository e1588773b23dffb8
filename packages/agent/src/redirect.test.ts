import assert from "node:assert/strict";
import { test } from "node:test";
import { ProxyError } from "@porchlight/protocol/errors";
import fc from "fast-check";
import { type SentRequest, isRedirect, redirectedRequest } from "./redirect.ts";

const POST: SentRequest = {
  method: "POST",
  url: new URL("http://a.example/form?x=1"),
  headers: [
    "Content-Type",
    "text/plain",
    "Authorization",
    "Bearer s",
    "Cookie",
    "c=1",
    "X-Own",
    "1",
  ],
};

function get(url = "http://a.example/", headers: readonly string[] = []): SentRequest {
  return { method: "GET", url: new URL(url), headers };
}

test("isRedirect: only the five statuses that name a place to go", () => {
  const statuses = Array.from({ length: 1000 }, (_, status) => status).filter(isRedirect);
  assert.deepEqual(statuses, [301, 302, 303, 307, 308]);
});

test("redirectedRequest: method and body by status, RFC 9110 §15.4", () => {
  const table = [
    ["POST", 301, "GET", false],
    ["POST", 302, "GET", false],
    ["POST", 303, "GET", false],
    ["POST", 307, "POST", true],
    ["POST", 308, "POST", true],
    ["PUT", 301, "PUT", true],
    ["PUT", 303, "GET", false],
    ["DELETE", 302, "DELETE", true],
    ["HEAD", 303, "HEAD", false],
    ["HEAD", 301, "HEAD", true],
    ["GET", 302, "GET", true],
  ] as const;
  for (const [method, status, nextMethod, keepsBody] of table) {
    const next = redirectedRequest({ ...POST, method }, status, "/next");
    assert.deepEqual([next.method, next.keepsBody], [nextMethod, keepsBody], `${method} ${status}`);
  }
});

test("redirectedRequest: headers of the body go with the body, all others stay in order", () => {
  assert.deepEqual(redirectedRequest(POST, 303, "/next").headers, [
    "Authorization",
    "Bearer s",
    "Cookie",
    "c=1",
    "X-Own",
    "1",
  ]);
  assert.deepEqual(redirectedRequest(POST, 307, "/next").headers, POST.headers);
});

test("faults A18: Authorization, Cookie and Proxy-* are dropped when the origin changes", () => {
  const request = get("http://a.example/", [
    "authorization",
    "s",
    "COOKIE",
    "c",
    "Proxy-X",
    "p",
    "X",
    "1",
  ]);
  for (const elsewhere of ["http://b.example/", "https://a.example/", "http://a.example:8080/"]) {
    assert.deepEqual(redirectedRequest(request, 302, elsewhere).headers, ["X", "1"], elsewhere);
  }
  assert.equal(redirectedRequest(request, 302, "http://a.example:80/other").headers.length, 8);
});

test("faults A17: a redirect out of HTTP is refused, one that cannot be read is the target's fault", () => {
  const refusal = (location: string): string => {
    try {
      redirectedRequest(get(), 302, location);
      return "followed";
    } catch (error) {
      return error instanceof ProxyError ? error.code : "another error";
    }
  };
  assert.equal(refusal("file:///etc/passwd"), "target_forbidden");
  assert.equal(refusal("data:text/html,hi"), "target_forbidden");
  assert.equal(refusal("http://[half"), "target_protocol_error");
  assert.equal(refusal(`/${"x".repeat(9_000)}`), "target_protocol_error");
});

test("redirectedRequest: Location is relative to the request, UTF-8, and leaves credentials and fragment behind", () => {
  const from = get("http://a.example/dir/page?q#old");
  const leadsTo = (location: string): string => redirectedRequest(from, 302, location).url.href;
  assert.equal(leadsTo("next"), "http://a.example/dir/next");
  assert.equal(leadsTo("//b.example"), "http://b.example/");
  assert.equal(leadsTo("http://user:pass@b.example/x#frag"), "http://b.example/x");
  assert.equal(leadsTo(Buffer.from("/grün").toString("latin1")), "http://a.example/gr%C3%BCn");
});

test("redirectedRequest: never anything but http(s), never a secret header across origins", () => {
  const name = fc.constantFrom(
    "Authorization",
    "cookie",
    "Proxy-Authorization",
    "X-A",
    "Accept",
    "host",
  );
  const headers = fc.array(fc.tuple(name, fc.string()), { maxLength: 8 });
  const status = fc.constantFrom(301, 302, 303, 307, 308);
  const location = fc.oneof(fc.webUrl(), fc.string(), fc.constantFrom("javascript:1", "//x", "/y"));
  fc.assert(
    fc.property(headers, status, location, (pairs, code, where) => {
      const request = get("https://a.example/x", pairs.flat());
      let next;
      try {
        next = redirectedRequest(request, code, where);
      } catch (error) {
        assert.ok(error instanceof ProxyError);
        return;
      }
      assert.match(next.url.protocol, /^https?:$/);
      if (next.url.origin === request.url.origin) return;
      const names = next.headers.filter((_, i) => i % 2 === 0).map((each) => each.toLowerCase());
      assert.equal(
        names.some((each) => /^(authorization|cookie|host|proxy-.*)$/.test(each)),
        false,
      );
    }),
  );
});
