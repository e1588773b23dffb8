import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { networkOf, placeOf } from "./mmdb-record.ts";

describe("placeOf", () => {
  it("reads GeoLite2 City: the largest subdivision, names in English", () => {
    const record = {
      city: { geoname_id: 1, names: { de: "München", en: "Munich" } },
      country: { iso_code: "DE", names: { en: "Germany" } },
      registered_country: { iso_code: "FR" },
      subdivisions: [
        { iso_code: "BY", names: { en: "Bavaria" } },
        { iso_code: "OBB", names: { en: "Upper Bavaria" } },
      ],
    };
    const place = { country: "DE", region: "Bavaria", regionCode: "BY", city: "Munich" };
    assert.deepEqual(placeOf(record), place);
  });

  it("reads GeoLite2 Country, and no country but where the address is", () => {
    const record = { country: { iso_code: "DE" }, registered_country: { iso_code: "FR" } };
    assert.deepEqual(placeOf(record), { country: "DE" });
    assert.deepEqual(placeOf({ registered_country: { iso_code: "FR" } }), {});
  });

  it("reads DB-IP lite: subdivisions without a code", () => {
    const record = { country: { iso_code: "BR" }, subdivisions: [{ names: { en: "São Paulo" } }] };
    assert.deepEqual(placeOf(record), { country: "BR", region: "São Paulo" });
  });

  it("reads flat records", () => {
    const record = { country: "Germany", country_code: "de", region: "Bavaria", city: "Munich" };
    assert.deepEqual(placeOf(record), { country: "DE", region: "Bavaria", city: "Munich" });
    assert.deepEqual(placeOf({ country: "DE", region_code: "BY" }), {
      country: "DE",
      regionCode: "BY",
    });
  });

  it("takes another language where there is no English name", () => {
    assert.deepEqual(placeOf({ city: { names: { de: "Köln" } } }), { city: "Köln" });
  });
});

describe("networkOf", () => {
  it("reads GeoLite2 ASN, and flat records", () => {
    const nested = {
      autonomous_system_number: 64_496,
      autonomous_system_organization: "Example Telekom",
    };
    const network = { asn: 64_496, org: "Example Telekom" };
    assert.deepEqual(networkOf(nested), network);
    assert.deepEqual(networkOf({ asn: "AS64496", as_name: "Example Telekom" }), network);
    assert.deepEqual(networkOf({ asn: "AS64496", name: "Example Telekom" }), network);
  });
});

it("placeOf, networkOf: whatever a record holds, nothing but known texts and numbers come out", () => {
  const names = fc.constantFrom(
    "country",
    "city",
    "iso_code",
    "names",
    "en",
    "subdivisions",
    "asn",
  );
  const record = fc.letrec((tie) => ({
    value: fc.oneof(
      fc.constantFrom(null, "", "DE", "AS1", "ASx", 0, -1, 7, true),
      fc.dictionary(names, tie("value"), { maxKeys: 4 }),
      fc.array(tie("value"), { maxLength: 2 }),
    ),
  })).value;
  fc.assert(
    fc.property(record, (value) => {
      for (const found of Object.values({ ...placeOf(value), ...networkOf(value) })) {
        assert.ok(
          typeof found === "number" ? found > 0 : typeof found === "string" && found !== "",
        );
      }
    }),
  );
});
