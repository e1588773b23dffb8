import assert from "node:assert/strict";
import { describe, it } from "node:test";
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

it("placeOf, networkOf: what is empty or not as expected is not known", () => {
  const records = [
    undefined,
    null,
    "DE",
    { country: "Germany", region: "", city: 7, subdivisions: [] },
    { country: { iso_code: "DEU" }, city: { names: {} }, subdivisions: [{ iso_code: "" }] },
    { country: { iso_code: null }, city: { names: { en: "" } }, subdivisions: "Bavaria" },
    { asn: 0, name: "" },
    { asn: "64496" },
    { autonomous_system_number: -1, autonomous_system_organization: null },
  ];
  for (const record of records) {
    assert.deepEqual({ ...placeOf(record), ...networkOf(record) }, {}, JSON.stringify(record));
  }
});
