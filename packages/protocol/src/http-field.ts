/** The grammar of HTTP field lines, for everyone who judges headers. */

/** Source: RFC 9110 §5.6.2. */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** Visible ASCII, space, tab and obs-text. Source: RFC 9110 §5.5. */
const FIELD_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

/** Whether it is a field name: a token, so that no space, colon, CR, LF or NUL is in it (faults A11, G9). */
export function isFieldName(text: string): boolean {
  return TOKEN.test(text);
}

/** Whether it can stand as a field value: Latin-1 without control characters but the tab (faults A11, G9). */
export function isFieldValue(text: string): boolean {
  return FIELD_VALUE.test(text);
}
