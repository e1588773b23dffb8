import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ProxyError } from "@porchlight/protocol/errors";
import { parseUsername } from "./username.ts";

function refusal(username: string): string {
  try {
    parseUsername(username, "shop");
  } catch (thrown) {
    assert.ok(thrown instanceof ProxyError);
    assert.equal(thrown.code, "invalid_request");
    return thrown.message;
  }
  return assert.fail(`${username} was accepted`);
}

describe("parseUsername", () => {
  it("reads every parameter, in any order and case", () => {
    const username =
      "shop-TAG-run1-Country-de-region-new_york-city-k%C3%B6ln-asn-3320-label-site=a-label-x=y=z" +
      "-agent-kitchen-session-A.b_1~-sesstime-30s-strict";
    assert.deepEqual(parseUsername(username, "shop"), {
      tag: "run1",
      country: "de",
      region: "new_york",
      city: "köln",
      asn: 3320,
      labels: { site: "a", x: "y=z" },
      agent: "kitchen",
      session: "A.b_1~",
      sessionTtl: 30,
      sessionStrict: true,
    });
  });

  it("knows the other names of parameters", () => {
    const fields = {
      country: "us",
      region: "ny",
      session: "a",
      sessionTtl: 600,
      sessionStrict: true,
    };
    for (const [region, session] of [
      ["state", "sessid"],
      ["st", "sid"],
    ]) {
      const username = `any-cc-us-${region}-ny-${session}-a-ttl-10-const`;
      assert.deepEqual(parseUsername(username, "shop"), fields);
    }
  });

  it("takes any name, and the key's name with its dashes", () => {
    for (const username of ["", "shop", "anything"]) {
      assert.deepEqual(parseUsername(username, "shop"), {});
    }
    assert.deepEqual(parseUsername("my-shop-cc-de", "my-shop"), { country: "de" });
    assert.match(refusal("my-shop-cc-de"), /unknown parameter "shop"/);
  });

  it("reads times of minutes, seconds and hours", () => {
    for (const [text, sessionTtl] of [
      ["10", 600],
      ["90s", 90],
      ["10m", 600],
      ["1H", 3600],
    ] as const) {
      const fields = { session: "a", sessionTtl };
      assert.deepEqual(parseUsername(`u-session-a-ttl-${text}`, "shop"), fields);
    }
  });

  it("takes a dash within a value percent-encoded", () => {
    assert.deepEqual(parseUsername("u-city-saint%2Dtropez", ""), { city: "saint-tropez" });
  });

  it("takes _ for a space in a tag, where %5F is the character itself, and leaves it to others what it is to them", () => {
    const username =
      "u-tag-night_run_two%5F1-city-new_york-label-rack=a_1-agent-the_attic-session-s_1";
    assert.deepEqual(parseUsername(username, ""), {
      tag: "night run two_1",
      city: "new_york",
      labels: { rack: "a_1" },
      agent: "the_attic",
      session: "s_1",
    });
  });

  it("names the parameter it refuses", () => {
    for (const [username, message] of [
      ["u-colour-red", /unknown parameter "colour"/],
      ["u-country-de-foo-bar", /unknown parameter "foo"/],
      ["u-", /unknown parameter ""/],
      ["u-__proto__-x", /unknown parameter "__proto__"/],
      ["u-constructor-x", /unknown parameter "constructor"/],
      ["u-country", /"country" has no value/],
      ["u-country-", /"country" has no value/],
      ["u-cc-deu", /"cc" must be a country's two letters$/],
      ["u-asn-AS1", /"asn" must be an integer$/],
      ["u-asn-0", /"asn" must be at least 1$/],
      ["u-session-a%20b", /"session" must be 1 to 64 letters, digits, _ \. or ~$/],
      [`u-session-${"a".repeat(65)}`, /"session" must be 1 to 64 letters, digits, _ \. or ~$/],
      ["u-ttl-0", /"ttl" must be a time such as 30s, 10m or 1h, 24h at most$/],
      ["u-ttl-25h", /"ttl" must be a time such as 30s, 10m or 1h, 24h at most$/],
      ["u-ttl-1d", /"ttl" must be a time such as 30s, 10m or 1h, 24h at most$/],
      ["u-ttl-5", /"ttl" means nothing without "session"$/],
      ["u-sesstime-5-strict", /"sesstime" means nothing without "session"$/],
      ["u-Const-cc-de", /"Const" means nothing without "session"$/],
      ["u-label-site", /"label" has to be KEY=VALUE/],
      ["u-label-=x", /"label" has to be KEY=VALUE/],
      ["u-label-site=", /"label" must have at least 1 character$/],
      ["u-label-a=b-label-a=c", /"label" is given twice for one KEY/],
      ["u-country-de-cc-fr", /"cc" is given twice/],
      ["u-strict-const", /"const" is given twice/],
      ["u-city-%zz", /"city" is not validly percent-encoded/],
      [`u-${"x".repeat(2000)}`, /more than 1024 characters/],
    ] as const) {
      assert.match(refusal(username), message, username);
    }
  });

  it("faults A30: refuses text that cannot be read, in whichever parameter", () => {
    for (const [value, flaw] of [
      ["M\ufffdnchen", "is not valid UTF-8"],
      ["M%EF%BF%BDnchen", "is not valid UTF-8"],
      ["M%FCnchen", "is not validly percent-encoded"],
      ["a\0b", "has control characters"],
      ["a%0D%0Ab", "has control characters"],
      ["a\u0085b", "has control characters"],
    ] as const) {
      for (const name of ["city", "region", "agent", "tag", "session", "ttl", "asn", "cc"]) {
        assert.match(refusal(`u-${name}-${value}`), new RegExp(`"${name}" ${flaw}$`));
      }
      assert.match(refusal(`u-label-site=${value}`), new RegExp(`"label" ${flaw}$`));
      assert.match(refusal(`u-label-${value}=x`), new RegExp(`"label" ${flaw}$`));
    }
    assert.match(refusal("u-c\ufffdty-x"), /unknown parameter "c\ufffdty"/);
  });

  it("takes text of all alphabets, and any name before the parameters", () => {
    for (const city of ["München", "Orléans", "東京", "Ürümqi", "💥", "a\u202eb"]) {
      assert.deepEqual(parseUsername(`u-city-${city}`, ""), { city });
    }
    assert.deepEqual(parseUsername("M\ufffdller-city-x", ""), { city: "x" });
  });

  it("never shows a value (faults F27)", () => {
    for (const username of ["u-cc-c4n4ry", "u-label-c4n4ry", "u-city-%c4n4ry", "u-asn-c4n4ry"]) {
      assert.doesNotMatch(refusal(username), /c4n4ry/);
    }
  });

  it("keeps `__proto__` inert as a label's key", () => {
    const { labels } = parseUsername("u-label-__proto__=x", "shop");
    assert.deepEqual(Object.entries(labels ?? {}), [["__proto__", "x"]]);
  });
});
