import assert from "node:assert/strict";
import { test } from "node:test";
import { contentOf } from "./mmdb-content.ts";

test("contentOf: types of databases there are", () => {
  const types = {
    places: [
      "GeoLite2-City",
      "GeoLite2-Country",
      "GeoIP2-City-North-America",
      "GeoIP2-Enterprise",
      "DBIP-City-Lite",
      "DBIP-Country",
      "DBIP-Location (compat=City)",
      "ipinfo bundle_location_core.mmdb",
    ],
    networks: [
      "GeoLite2-ASN",
      "GeoIP2-ISP",
      "DBIP-ASN-Lite (compat=GeoLite2-ASN)",
      "ipinfo asn.mmdb",
    ],
  };
  for (const [content, names] of Object.entries(types)) {
    for (const name of names) assert.equal(contentOf(name), content, name);
  }
});

test("contentOf: a type that names both, or neither, leaves it open", () => {
  for (const name of [
    undefined,
    "",
    "Any",
    "Our homes",
    "Velocity",
    "Hispania",
    "ip2location",
    "geo-whois-asn-country",
    "ipinfo generic_country_asn.mmdb",
    "DBIP-Location-ISP (compat=Enterprise)",
  ]) {
    assert.equal(contentOf(name), undefined, `${name}`);
  }
});
