/** A refusal in the OpenAPI document, by the codes it has; the API names the body's schema. Source: RFC 9457. */
export function problemDocs(codes: string): object {
  const schema = { $ref: "Problem#" };
  return { description: codes, content: { "application/problem+json": { schema } } };
}
